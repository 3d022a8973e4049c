"""An unusual params.yaml is either read or refused in one line, and a setting changes only its one value."""

from __future__ import annotations

import pytest
from conftest import ROOT
from dvc_project import files

from components.common import params
from components.common.errors import UserError
from pipelines.runs import workflow

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")


def write_params(folder, *changes):
    """Write params.yaml with some of its text replaced."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


SEED = "seed: 20260101"


@pytest.mark.parametrize(
    ("new", "message"),
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
def test_an_unreadable_params_yaml_is_reported_in_one_line(tmp_path, monkeypatch, new, message):
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, (SEED, new))
    before = files(tmp_path)
    for call in (params.load, lambda: workflow.apply(["seed=7"], ready=False)):
        with pytest.raises(UserError) as error:
            call()
        assert str(error.value) == f"params.yaml: {message}"
    assert files(tmp_path) == before


SHARED_RATE = [
    ("head_learning_rate: 1.0e-3", "head_learning_rate: &r 1.0e-3"),
    ("rate: {demo: 2.0e-3, laptop: 1.0e-3, full: 2.0e-3}", "rate: *r"),
]


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ([("margin: 0.02", "<<: {margin: 0.02}")], "gate.margin"),  # a merge key brings it in
        (SHARED_RATE, "classifier.head_learning_rate"),  # another parameter refers to it
        (SHARED_RATE, "segmenter.learning_rate"),  # it refers to another parameter
    ],
)  # fmt: skip
def test_setting_a_shared_yaml_value_is_refused(tmp_path, monkeypatch, changes, parameter):
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, *changes)
    before = files(tmp_path)
    with pytest.raises(UserError) as error:
        workflow.apply([f"{parameter}=0.5"], ready=False)
    assert (
        str(error.value) == f"params.yaml: {parameter} can't be set without changing other lines; edit the file by hand"
    )
    assert files(tmp_path) == before


def test_a_byte_order_mark_and_windows_line_ends_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    (tmp_path / "params.yaml").write_bytes(before)
    workflow.apply(["seed=7"], ready=False)
    assert (tmp_path / "params.yaml").read_bytes() == before.replace(SEED.encode(), b"seed: 7")


def test_a_linked_params_yaml_stays_a_link(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    write_params(tmp_path)
    (tmp_path / "here" / "params.yaml").symlink_to("../params.yaml")
    monkeypatch.chdir(tmp_path / "here")
    workflow.apply(["seed=7"], ready=False)
    assert (tmp_path / "here" / "params.yaml").is_symlink()
    assert params.load(tmp_path / "params.yaml").seed == 7
