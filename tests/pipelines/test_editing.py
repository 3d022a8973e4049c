"""Settings as people type them change params.yaml in the right places only."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, read_params
from hypothesis import example, given, settings
from hypothesis import strategies as st
from in_process import glioflow

from components.common import params, yaml_text
from components.common.errors import UserError
from pipelines.editing import assignments, params_text
from pipelines.runs import workflow

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
# Parameters in an unusual layout, which an edit must not tidy up.
BY_HAND = """\
scale:   laptop   # which

"source": 'data/demo'
seed: 1
split: {folds: 5,  fold: , sites: [ AA,BB ]}   # folds
convert:   # how
    args:  # of Beam

    # the runner
    - --runner=FnApiRunner   # own
    -   --workers=1

    # behind
    text: |
        two
        lines
    none:        # nothing yet
segmenter:
  epochs:
     demo: 7
     laptop: 24
  rate: { demo: 1.0e-3, laptop: 2.0e-3, full: 3.0e-3 }
last: [1,
  2]"""
PATHS = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), min_size=1, max_size=30)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = PLAIN | st.lists(PLAIN, max_size=4)


def lines_changed(before, after):
    """Return the ranges of lines that were changed or removed, each with the number of lines that replaced them."""
    blocks = difflib.SequenceMatcher(None, before.split("\n"), after.split("\n"), autojunk=False).get_opcodes()
    return [(first, last, end - begin) for kind, first, last, begin, end in blocks if kind != "equal"]


@pytest.mark.parametrize(
    ("parameter", "lines"),
    [
        *(("scale", (0, 1)), ("source", (2, 3)), ("seed", (3, 4)), ("split.folds", (4, 5)), ("split.fold", (4, 5))),
        *(("split.sites", (4, 5)), ("convert.args", (6, 11)), ("convert.text", (13, 16)), ("convert.none", (16, 17))),
        *(("segmenter.epochs", (20, 21)), ("segmenter.epochs.demo", (19, 20)), ("segmenter.rate", (21, 22))),
        ("last", (22, 24)),
    ],
)
@settings(max_examples=8)
@given(VALUES)
@example("a\x85b")  # line ends in YAML, but in few other places
@example(["\u2028", "\u2029ü"])
def test_setting_a_parameter_changes_only_its_own_lines(parameter, lines, value):
    value = {"scale": "full", "source": str(value)}.get(parameter, value)
    after, reported = params_text.put(BY_HAND, [assignments.written(parameter, value)], "params.yaml")
    changed = lines_changed(BY_HAND, after)
    assert all(lines[0] <= first <= last <= lines[1] for first, last, _ in changed)
    assert bool(changed) == bool(reported)
    original, edited = yaml_text.parse(BY_HAND, ""), yaml_text.parse(after, "")
    *groups, last = {"segmenter.epochs": "segmenter.epochs.laptop", "segmenter.rate": "segmenter.rate.laptop"}.get(
        parameter, parameter
    ).split(".")
    target, expected = edited, original
    for group in groups:
        target, expected = target[group], expected[group]
    assert target[last] == value
    expected[last] = value
    assert edited == original
    for comment in ("# which", "# folds", "# how", "# of Beam", "# the runner", "# behind", "# nothing yet"):
        assert comment in after or comment == "# the runner"


def every_parameter(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict) and not set(value) <= set(params.SCALES):
            yield from every_parameter(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value[tree.get("scale", "demo")] if isinstance(value, dict) else value


@settings(max_examples=10)
@given(st.sampled_from([*every_parameter(read_params())]), st.integers(0, 10**6) | st.text("ab", min_size=1))
def test_each_parameter_changes_one_line_and_its_old_value_restores_it(known, value):
    parameter, before = known
    after, _ = params_text.put(TEXT, [assignments.written(parameter, value)], "params.yaml")
    if parameter != "convert.beam_args":  # which takes three lines
        assert [(last - first, new) for first, last, new in lines_changed(TEXT, after)] in ([(1, 1)], [])
    back, _ = params_text.put(after, [assignments.written(parameter, before)], "params.yaml")
    assert yaml_text.parse(back, "") == yaml_text.parse(TEXT, "")


@settings(max_examples=15)
@example("/scans of Köln (2), a=b/[x] #3 & ~'\"`$HOME ${x}: {y}")
@example("2020-01-31")
@example(" ~ ")
@example("0\xa0")  # a no-break space, which belongs to the value
@example("\xa0")
@given(PATHS)
def test_any_source_path_survives_writing_and_reading(tmp_path_factory, path):
    file = tmp_path_factory.mktemp("source") / "params.yaml"
    file.write_text(TEXT, encoding="utf-8")
    file.write_bytes(params_text.put(TEXT, [assignments.written("source", path)], str(file))[0].encode())
    assert params.load(file).source == path


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("", []),
        ("a.b=1  c=2", ["a.b=1", "c=2"]),
        ("split.holdout_sites=[AA, BB] seed=3", ["split.holdout_sites=[AA, BB]", "seed=3"]),
        ("split.holdout_sites=[AA, x=3] seed=3", ["split.holdout_sites=[AA, x=3]", "seed=3"]),
        ("source=/my scans/a, b seed=3", ["source=/my scans/a, b", "seed=3"]),
        ("source='/my x=1' seed=3", ["source='/my x=1'", "seed=3"]),
        ("source=/O'Brien's seed=3", ["source=/O'Brien's", "seed=3"]),
        ("a={demo: 1, laptop: 2} b=", ["a={demo: 1, laptop: 2}", "b="]),
        ("nonsense", ["nonsense"]),
    ],
)
def test_a_line_is_split_into_its_settings(line, pieces):
    assert assignments.split(line) == pieces


@pytest.mark.parametrize(
    ("setting", "target", "value"),
    [
        ("split.holdout_sites=[AA, BB]", "split.holdout_sites", ["AA", "BB"]),
        ("split.fold=", "split.fold", None),
        ("split.fold=null", "split.fold", None),
        ("training.xla=off", "training.xla", "off"),
        ("segmenter.learning_rate=1e-3", "segmenter.learning_rate", 0.001),
        ("segmenter.epochs={demo: 1, laptop: 2, full: 3}", "segmenter.epochs", 1),
        ("classifier.weights={demo: a, laptop: b, full: c}", "classifier.weights", "a"),
        ("classifier.weights=my [1], b.h5", "classifier.weights", "my [1], b.h5"),
        ("split.file=a #b: c", "split.file", "a #b: c"),
        ("split.file='a b'", "split.file", "a b"),
        ("source=2024", "source", "2024"),
        ("segmenter.augment.rotate=3", "segmenter.augment.rotate", 3),
        ("segmenter.filters=[8,8]", "segmenter.filters", [8, 8]),
    ],
)
def test_values_are_read_as_yaml_and_paths_as_text(setting, target, value):
    text, _ = params_text.put(TEXT, [setting], "params.yaml")
    found = params.parse(yaml_text.parse(text, "params.yaml"))
    for part in target.split("."):
        found = getattr(found, part)
    assert found == value


def test_a_per_scale_parameter_is_set_for_the_chosen_scale():
    text, reported = params_text.put(TEXT, ["segmenter.epochs=5", "scale=laptop"], "params.yaml")
    assert yaml.safe_load(text)["segmenter"]["epochs"] == read_params()["segmenter"]["epochs"] | {"laptop": 5}
    assert reported == ["scale: demo -> laptop", "segmenter.epochs.laptop: 15 -> 5"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("clasifier.epochs=3", r"clasifier\.epochs: there is no such parameter; did you mean classifier\.epochs\?"),
        ("holdout_sites=[AA]", r"no such parameter; did you mean split\.holdout_sites\?"),
        (
            "segmenter.epochs.huge=3",
            r"segmenter\.epochs\.huge: there is no such parameter; did you mean segmenter\.epochs\?",
        ),
        ("seed.demo=3", r"seed\.demo: there is no such parameter"),
        ("segmenter=3", r"segmenter: is a group; set one of its parameters, e\.g\. segmenter\.filters"),
        ("segmenter.filters=[1, 2", r"segmenter\.filters=\[1, 2: the value is no YAML"),
        ("seed", "seed: no value; write name=value"),
    ],
)
def test_an_invalid_setting_is_reported_by_name(setting, message):
    with pytest.raises(UserError, match=message):
        params_text.put(TEXT, [setting], "params.yaml")


@pytest.mark.parametrize(
    "line",
    [
        'source="gs://bucket/x',
        "source='gs://bucket/x seed=3",
        'seed=3 registry.git_remote="origin',
        "split.file='a' b",
        "seed=2001-99-99",
        "segmenter.epochs=!!int x",
        "scale=!!float x",
        f"seed={'[' * 2000}",
    ],
)
def test_an_unterminated_or_impossible_value_is_always_refused(line):
    """Also for text parameters: nobody wants a quotation mark in an address."""
    with pytest.raises(UserError, match=r"the value is no YAML; quote it, or close its quotes and brackets"):
        params_text.put(TEXT, assignments.split(line), "params.yaml")


def test_a_path_that_looks_like_an_impossible_date_is_accepted():
    text, _ = params_text.put(TEXT, ["source=2001-99-99"], "params.yaml")
    assert params.parse(yaml_text.parse(text, "params.yaml")).source == "2001-99-99"


def test_two_values_for_a_parameter_are_refused():
    with pytest.raises(UserError, match="seed: set twice, to 3 and to 4; choose one"):
        params_text.put(TEXT, ["seed=3", "seed=4"], "params.yaml")
    assert params_text.put(TEXT, ["seed=3", "seed=3"], "params.yaml")[1] == ["seed: 20260101 -> 3"]


def test_setting_a_yaml_alias_is_refused():
    text = "scale: demo\na: &here 3\nb: *here\n"
    with pytest.raises(UserError, match="b can't be set without changing other lines"):
        params_text.put(text, ["b=4"], "params.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "seed: 4\n", r"the key seed appears twice, line \d+; remove one of the two"),
        (lambda text: text.replace("val: 0.15", "val: 0.15\n  val: 0.1"), "the key val appears twice"),
        (lambda text: text.replace("  epochs:", "  epoch:", 1), r"did you mean classifier\.epochs\?"),
    ],
)
@pytest.mark.parametrize("switches", [[], ["-S", "seed=5"]])
def test_a_params_yaml_with_a_duplicate_or_misspelt_key_is_refused(tmp_path, change, message, switches):
    (tmp_path / "params.yaml").write_text(change(TEXT), encoding="utf-8")
    result = glioflow("run", *switches, cwd=tmp_path)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert re.search(message, line)
    assert (tmp_path / "params.yaml").read_text(encoding="utf-8") == change(TEXT)


def test_latin_1_is_refused_and_windows_line_ends_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes(TEXT.replace("# folder,", "# für,").encode("latin-1"))
    with pytest.raises(UserError, match=r"params.yaml: line \d+ is not UTF-8"):
        workflow.apply(["seed=3"], ready=False)
    Path("params.yaml").write_bytes(TEXT.replace("\n", "\r\n").encode())
    workflow.apply(["seed=3"], ready=False)
    assert Path("params.yaml").read_bytes() == TEXT.replace("20260101", "3").replace("\n", "\r\n").encode()
