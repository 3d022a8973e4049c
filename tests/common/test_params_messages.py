"""Error messages about wrong parameters, and about a file that can't be read."""

from __future__ import annotations

import copy

import pytest
import yaml
from changed_params import TREE, params_with
from pydantic import ValidationError

from components.common import params
from components.common.errors import UserError


def test_parameters_cannot_be_changed_after_reading():
    with pytest.raises(ValidationError, match="frozen"):
        params_with().gate.margin = 1


def test_the_first_wrong_parameter_is_named_and_the_others_are_counted():
    with pytest.raises(UserError) as error:
        params_with(gate__margin=2, gate__min_auroc=-1, seed=-1)
    assert str(error.value).startswith("params.yaml: seed: ")
    assert str(error.value).endswith("; it is -1 (and 2 more)")
    with pytest.raises(UserError) as error:
        params_with(seed="x" * 57)  # 59 characters with its quotation marks
    assert f"; it is '{'x' * 57}'" in str(error.value)
    with pytest.raises(UserError) as error:
        params_with(seed="x" * 58)
    assert "it is" not in str(error.value)


def test_a_misspelt_parameter_is_reported_before_a_wrong_type():
    tree = copy.deepcopy(TREE)
    tree["ingest"]["policy"] = "warn"
    with pytest.raises(
        UserError, match=r"^params\.yaml: ingest\.policy: Input should be a valid dictionary; it is 'warn'$"
    ):
        params.parse(tree)
    tree["gate"]["margins"] = tree["gate"].pop("margin")
    with pytest.raises(
        UserError,
        match=r"^params\.yaml: gate\.margins: there is no such parameter; did you mean gate\.margin\? \(and 2 more\)$",
    ):
        params.parse(tree)


@pytest.mark.parametrize(("present", "value"), [("margin", -1), ("champion", 3)], ids=["too small", "no text"])
def test_a_present_parameter_is_not_suggested_for_an_unknown_one(present, value):
    tree = copy.deepcopy(TREE)
    tree["gate"] |= {present: value, f"{present}s": value}
    with pytest.raises(
        UserError, match=rf"^params\.yaml: gate\.{present}s: there is no such parameter \(and 1 more\)$"
    ):
        params.parse(tree)


def test_the_most_similar_missing_parameter_is_suggested():
    tree = copy.deepcopy(TREE)
    tree["gate"]["min_sensibility"] = tree["gate"].pop("min_sensitivity")
    del tree["gate"]["min_specificity"]
    with pytest.raises(UserError, match=r"no such parameter; did you mean gate\.min_sensitivity\? \(and 2 more\)$"):
        params.parse(tree)


def test_an_alias_inside_its_own_anchor_is_reported():
    tree = TREE | yaml.safe_load("gate: &gate {again: *gate}")
    with pytest.raises(UserError, match=r"^params\.yaml: an alias stands inside its own anchor; write the"):
        params.parse(tree)


@pytest.mark.parametrize("parameter", ["source", "split.file", "evaluate.clinical", "gate.champion"])
@pytest.mark.parametrize("value", [{"demo": "a", "laptop": "b", "full": "c"}, None, 3], ids=str)
def test_a_path_that_stages_depend_on_is_the_same_for_all_scales(parameter, value):
    tree = copy.deepcopy(TREE)
    params.check_paths(tree)
    *group, last = parameter.split(".")
    (tree[group[0]] if group else tree)[last] = value
    none = ", or own/none.csv for none" if parameter in ("split.file", "evaluate.clinical") else ""
    with pytest.raises(UserError) as error:
        params.check_paths(tree)
    assert str(error.value) == f"params.yaml: {parameter}: stages depend on it; give one path for all scales{none}"


def test_a_missing_parameter_and_a_missing_scale_are_named():
    tree = copy.deepcopy(TREE)
    del tree["gate"]["margin"]
    with pytest.raises(UserError, match=r"^params\.yaml: gate\.margin: Field required$"):
        params.parse(tree)
    tree["gate"]["margin"] = {"laptop": 0.1, "full": 0.1}
    with pytest.raises(UserError, match=r"^params\.yaml: gate\.margin: no value for scale demo; add it to"):
        params.parse(tree)
    with pytest.raises(UserError, match=r"choose one of demo, laptop, full$"):
        params.parse(TREE | {"scale": "tiny"})


def test_only_mappings_whose_keys_are_all_scales_are_picked_from():
    assert params.pick({"demo": 1}, "demo") == 1
    assert params.pick({}, "demo") == {}
    assert params.pick({"demo": 1, "other": 2}, "demo") == {"demo": 1, "other": 2}
    assert params.pick({"a": {"demo": 1, "full": 2}}, "full") == {"a": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: [1\n", "not readable as YAML, line 3; correct it"),
        (b"a: \x07", "not readable as YAML; correct it"),
        ("a: 1\n# Größe\n".encode("latin-1"), "line 2 is not UTF-8; save the file in that encoding"),
        (b"split:\n  val: 0.1\n  val: 0.2\n", "the key val appears twice, line 3; remove one of the two"),
    ],
)
def test_an_unreadable_file_is_reported_with_its_line(tmp_path, content, message):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        params.load(path)
    assert str(error.value) == f"{path}: {message}"


def test_words_that_yaml_1_1_reads_as_booleans_stay_words(tmp_path):
    # DVC writes them unquoted, as YAML 1.2 allows.
    text = yaml.safe_dump(TREE).replace("xla: auto", "xla: off").replace("holdout_sites: []", "holdout_sites: [NO, CS]")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    chosen = params.load(tmp_path / "params.yaml")
    assert (chosen.training.xla, chosen.split.holdout_sites) == ("off", ["NO", "CS"])
