"""params.yaml as people leave it is read, or refused in one line; a setting changes that file, and only one value."""

from __future__ import annotations

import pytest
from conftest import ROOT
from dvc_project import files

from components.common import params
from components.common.errors import UserError
from pipelines import workflow

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")


def put(folder, *changes):
    """Write params.yaml with some text in place of other text."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


SEED = "seed: 20260101"


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (f"<<<<<<< HEAD\n{SEED}\n=======\nseed: 2\n>>>>>>> theirs", "line 8 begins an unresolved merge; resolve it"),
        (f"seed: 1{'0' * 5000}", "not readable as YAML: a value is too long or too nested; correct it"),
        ("seed: &seed {again: *seed}", "an alias stands inside its own anchor; write the value itself"),
        ("seed:\t1", "not readable as YAML, line 8; correct it"),
        ("seed: \x00", "not readable as YAML; correct it"),
        ("seed: !!python/name:os.system x", "not readable as YAML, line 8; correct it"),
        ("---\nseed: 1", "not readable as YAML, line 8; correct it"),
        ("1: 2\nseed: 1", "1: Keys should be strings; it is 1"),
    ],
    ids=["merge", "digits", "alias", "tab", "nul", "tag", "documents", "key"],
)
def test_what_can_t_be_read_is_told_in_one_line(tmp_path, monkeypatch, new, says):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, (SEED, new))
    before = files(tmp_path)
    for call in (params.load, lambda: workflow.apply(["seed=7"], ready=False)):
        with pytest.raises(UserError) as error:
            call()
        assert str(error.value) == f"params.yaml: {says}"
    assert files(tmp_path) == before


SHARED_RATE = [
    ("head_learning_rate: 1.0e-3", "head_learning_rate: &r 1.0e-3"),
    ("rate: {demo: 2.0e-3, laptop: 1.0e-3, full: 2.0e-3}", "rate: *r"),
]


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ([("margin: 0.02", "<<: {margin: 0.02}")], "gate.margin"),  # a merge key brings it in
        (SHARED_RATE, "classifier.head_learning_rate"),  # another one refers to it
        (SHARED_RATE, "segmenter.learning_rate"),  # it refers to another one
    ],
)  # fmt: skip
def test_a_value_that_others_share_is_left_to_an_editor(tmp_path, monkeypatch, changes, parameter):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, *changes)
    before = files(tmp_path)
    with pytest.raises(UserError) as error:
        workflow.apply([f"{parameter}=0.5"], ready=False)
    assert (
        str(error.value) == f"params.yaml: {parameter} can't be set without changing other lines; edit the file by hand"
    )
    assert files(tmp_path) == before


def test_a_byte_order_mark_and_line_ends_of_windows_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    (tmp_path / "params.yaml").write_bytes(before)
    workflow.apply(["seed=7"], ready=False)
    assert (tmp_path / "params.yaml").read_bytes() == before.replace(SEED.encode(), b"seed: 7")


def test_a_link_stays_a_link(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    put(tmp_path)
    (tmp_path / "here" / "params.yaml").symlink_to("../params.yaml")
    monkeypatch.chdir(tmp_path / "here")
    workflow.apply(["seed=7"], ready=False)
    assert (tmp_path / "here" / "params.yaml").is_symlink()
    assert params.load(tmp_path / "params.yaml").seed == 7
