"""What is said of a wrong parameter, or of a file that can't be read."""

from __future__ import annotations

import copy

import pytest
import yaml
from changed_params import TREE, params_with
from pydantic import ValidationError

from components.common import params
from components.common.errors import UserError


def test_nothing_changes_a_parameter_after_they_were_read():
    with pytest.raises(ValidationError, match="frozen"):
        params_with().gate.margin = 1


def test_the_first_wrong_parameter_is_named_with_its_value_and_the_others_counted():
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


def test_a_misspelt_parameter_is_told_before_all_else_and_one_of_another_type_is_no_misspelt_one():
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


@pytest.mark.parametrize(("right", "value"), [("margin", -1), ("champion", 3)], ids=["too small", "no text"])
def test_a_parameter_that_is_there_is_not_what_an_unknown_one_was_meant_to_be(right, value):
    tree = copy.deepcopy(TREE)
    tree["gate"] |= {right: value, f"{right}s": value}
    with pytest.raises(UserError, match=rf"^params\.yaml: gate\.{right}s: there is no such parameter \(and 1 more\)$"):
        params.parse(tree)


def test_of_several_missing_parameters_the_most_similar_one_was_meant():
    tree = copy.deepcopy(TREE)
    tree["gate"]["min_sensibility"] = tree["gate"].pop("min_sensitivity")
    del tree["gate"]["min_specificity"]
    with pytest.raises(UserError, match=r"no such parameter; did you mean gate\.min_sensitivity\? \(and 2 more\)$"):
        params.parse(tree)


def test_an_alias_inside_its_own_anchor_is_told():
    tree = TREE | yaml.safe_load("gate: &gate {again: *gate}")
    with pytest.raises(UserError, match=r"^params\.yaml: an alias stands inside its own anchor; write the"):
        params.parse(tree)


@pytest.mark.parametrize("parameter", ["source", "split.file", "evaluate.clinical", "gate.champion"])
@pytest.mark.parametrize("value", [{"demo": "a", "laptop": "b", "full": "c"}, None, 3], ids=str)
def test_what_stages_depend_on_is_one_path_for_all_scales(parameter, value):
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


def test_only_mappings_of_nothing_but_scales_are_chosen_from():
    assert params.pick({"demo": 1}, "demo") == 1
    assert params.pick({}, "demo") == {}
    assert params.pick({"demo": 1, "other": 2}, "demo") == {"demo": 1, "other": 2}
    assert params.pick({"a": {"demo": 1, "full": 2}}, "full") == {"a": 2}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: 1\nb: [1\n", "not readable as YAML, line 3; correct it"),
        (b"a: \x07", "not readable as YAML; correct it"),
        ("a: 1\n# Größe\n".encode("latin-1"), "line 2 is not UTF-8; save the file in that encoding"),
        (b"split:\n  val: 0.1\n  val: 0.2\n", "the key val appears twice, line 3; remove one of the two"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(tmp_path, content, says):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        params.load(path)
    assert str(error.value) == f"{path}: {says}"


def test_words_that_older_yaml_takes_for_booleans_are_words(tmp_path):
    # DVC writes them without quotation marks, as YAML 1.2 allows.
    text = yaml.safe_dump(TREE).replace("xla: auto", "xla: off").replace("holdout_sites: []", "holdout_sites: [NO, CS]")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    chosen = params.load(tmp_path / "params.yaml")
    assert (chosen.training.xla, chosen.split.holdout_sites) == ("off", ["NO", "CS"])
