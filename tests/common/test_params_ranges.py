"""How far each knob can be turned."""

from __future__ import annotations

import pytest
from knobs import turned

from components.common.errors import UserError

HUGE = 10**9
# Lowest and highest value of each knob; a step beyond either is refused.
WHOLE = {
    "seed": (0, 2**31 - 1),
    "demo.patients": (3, 1000),
    "demo.slices": (6, 200),
    "demo.size": (64, 512),
    "ingest.patients": (3, HUGE),
    "ingest.workers": (1, HUGE),
    "ingest.size": (32, 1024),
    "split.folds": (2, 100),
    "split.near": (0, 64),
    "convert.shards": (1, 1000),
    "convert.gzip_level": (0, 9),
    "training.checkpoint_steps": (1, HUGE),
    "gate.cohort_patients": (1, HUGE),
} | {
    f"{network}.{knob}": ends
    for network in ("classifier", "segmenter")
    for knob, ends in {
        "epochs": (1, HUGE),
        "batch_size": (1, HUGE),
        "accumulate": (1, 1024),
        "patience": (1, HUGE),
        "neighbors": (0, 4),
    }.items()
} | {"classifier.head_epochs": (1, HUGE)}  # fmt: skip
# The same for fractions: the ends, and whether they are allowed themselves.
SHARE, FRACTION, RATE, BELOW_ONE = ("(", 0, 1, ")"), ("[", 0, 1, "]"), ("(", 0, 1, "]"), ("[", 0, 1, ")")
FRACTIONS = {
    "ingest.spacing": ("(", 0, 10, "]"),
    "drift.level": SHARE,
    "assemble.sensitivity": SHARE,
    "assemble.refer": SHARE,
    "segmenter.tumor_share": RATE,
    "segmenter.paste": FRACTION,
    "classifier.dropout": BELOW_ONE,
    "classifier.head_learning_rate": RATE,
    **{f"gate.min_{name}": FRACTION for name in ("auroc", "sensitivity", "specificity", "volume_dice", "pooled_dice")},
    "gate.min_cohort_volume_dice": FRACTION,
    "gate.margin": FRACTION,
} | {
    f"{network}.{knob}": ends
    for network in ("classifier", "segmenter")
    for knob, ends in {
        "learning_rate": RATE,
        "average": BELOW_ONE,
        "augment.rotate": ("[", 0, 180, "]"),
        "augment.zoom": ("[", 0, 0.5, "]"),
        "augment.shift": ("[", 0, 0.5, "]"),
        "augment.intensity": ("[", 0, 0.9, "]"),
        "augment.gamma": FRACTION,
        "augment.bias": ("[", 0, 0.9, "]"),
        "augment.elastic": ("[", 0, 0.2, "]"),
        "augment.blur": FRACTION,
        "augment.missing": ("[", 0, 1, ")"),
        "augment.thick": FRACTION,
    }.items()
}  # fmt: skip


def value_of(parsed, knob):
    for name in knob.split("."):
        parsed = getattr(parsed, name)
    return parsed


def accepted(knob, value):
    try:
        return value_of(turned(**{knob: value}), knob) == value
    except UserError as error:
        said = str(error)
    assert said.startswith(f"params.yaml: {knob}: ")
    assert said.endswith(f"; it is {value!r}")
    return False


@pytest.mark.parametrize("knob", WHOLE)
def test_a_whole_number_is_taken_from_end_to_end_and_no_further(knob):
    low, high = WHOLE[knob]
    beyond = [low - 1, *([] if high == HUGE else [high + 1])]
    assert [accepted(knob, value) for value in (low, high)] == [True, True]
    assert not any(accepted(knob, value) for value in (*beyond, low + 0.5))


@pytest.mark.parametrize("knob", FRACTIONS)
def test_a_fraction_is_taken_between_its_ends_and_no_further(knob):
    left, low, high, right = FRACTIONS[knob]
    step = (high - low) / 1000
    assert [accepted(knob, value) for value in (low + step, high - step)] == [True, True]
    assert not any(accepted(knob, value) for value in (low - step, high + step))
    assert [accepted(knob, float(value)) for value in (low, high)] == [left == "[", right == "]"]


@pytest.mark.parametrize(
    ("knob", "good", "bad"),
    [
        ("classifier.image_size", [32, 48, 1024], [16, 40, 1040]),
        ("segmenter.filters", [[8, 8], [1] * 5], [[8], [8] * 7, [0, 8]]),
        ("ingest.channels", [["flair"], ["flair", *"abcdefghijklmno"]], [[], ["flair", *"abcdefghijklmnop"]]),
        ("training.cache", ["c"], [""]),
        ("training.checkpoints", ["c"], [""]),
        ("gate.champion", ["c"], [""]),
    ],
)
def test_lists_sides_and_folders(knob, good, bad):
    assert all(value_of(turned(**{knob: value}), knob) == value for value in good)
    for value in bad:
        with pytest.raises(UserError, match=knob):
            turned(**{knob: value})
