"""params.yaml: how the scale chooses values, and how wrong parameters are reported."""

from __future__ import annotations

import copy

import pytest
import yaml
from conftest import ROOT, tiny_tree
from hypothesis import given
from hypothesis import strategies as st

from components.common import params
from components.common.errors import UserError

TREE = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def tree_with(parameter: str, value: object) -> dict:
    tree = copy.deepcopy(TREE)
    *groups, name = parameter.split(".")
    location = tree
    for group in groups:
        location = location[group]
    location[name] = value
    return tree


@pytest.mark.parametrize("scale", params.SCALES)
def test_the_scale_chooses_every_value(scale):
    chosen = params.parse(tree_with("scale", scale))
    assert chosen.classifier.image_size == TREE["classifier"]["image_size"][scale]
    assert chosen.segmenter.filters == TREE["segmenter"]["filters"][scale]


def test_full_scale_matches_the_specification():
    full = params.parse(tree_with("scale", "full"))
    assert (full.classifier.backbone, full.classifier.weights) == ("ResNet50", "imagenet")
    assert full.classifier.image_size == full.segmenter.image_size == 256
    assert full.segmenter.filters == [16, 32, 64, 128]
    assert (full.segmenter.loss, full.segmenter.upsampling) == ("focal_tversky", "transpose")


def test_a_plain_value_overrides_the_scales():
    assert params.parse(tree_with("classifier.epochs", 3)).classifier.epochs == 3


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("scale", "huge", "scale is 'huge'"),
        ("classifier.epochs", 0, "classifier.epochs"),
        ("classifier.epochs", {"laptop": 3}, "no value for scale demo"),
        ("segmenter.image_size", 100, "segmenter.image_size"),
        ("segmenter.filters", [8], "segmenter.filters"),
        ("segmenter.loss", "hinge", "segmenter.loss"),
        ("segmenter.tumor_share", 1.5, "segmenter.tumor_share"),
        ("split.val", 0.8, "split"),
        ("classifier.learning_rat", 1, "classifier.learning_rat"),
        ("gate.min_auroc", float("nan"), "gate.min_auroc"),
        ("demo.patients", 2, "demo.patients"),
        ("split.fold", False, "split.fold"),
        ("segmenter.epochs", True, "segmenter.epochs"),
        ("segmenter.filters", [True, 8, 16, 32], "segmenter.filters"),
        ("segmenter.augment.rotate", True, "segmenter.augment.rotate"),
        ("gate.margin", True, "gate.margin"),
    ],
)
def test_a_wrong_parameter_is_named_in_one_line(parameter, value, message):
    with pytest.raises(UserError) as error:
        params.parse(tree_with(parameter, value))
    assert message in str(error.value)
    assert str(error.value).startswith("params.yaml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [1\n", "scale: [demo]\n"])
def test_a_broken_file_is_refused(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml"):
        params.load(tmp_path / "params.yaml")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="not here"):
        params.load(tmp_path / "params.yaml")


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.fixed_dictionaries(dict.fromkeys(params.SCALES, inner))
    ),
    max_leaves=8,
)


@given(trees, st.sampled_from(params.SCALES))
def test_picked_values_hold_no_scales_outside_lists(tree, scale):
    def has_scales(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        return set(value) == set(params.SCALES) or any(has_scales(inner) for inner in value.values())

    picked = tree
    while has_scales(picked):
        picked = params.pick(picked, scale)
    assert params.pick(picked, scale) == picked


@pytest.mark.parametrize(
    ("location", "parameter", "message"),
    [
        ([], "sorce", "params.yaml: sorce: there is no such parameter"),
        (["ingest", "policy"], "missing_musk", "ingest.policy: missing_musk: there is no such kind"),
        (["split"], "holdoutsites", "split.holdoutsites: there is no such parameter"),
    ],
)
def test_a_misspelt_parameter_is_named_as_written(location, parameter, message):
    tree = tiny_tree()
    group = tree
    for name in location:
        group = group[name]
    group[parameter] = "refuse"
    with pytest.raises(UserError, match=message) as error:
        params.parse(tree)
    assert len(str(error.value)) < 120
