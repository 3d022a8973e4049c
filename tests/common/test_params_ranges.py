"""The allowed range of each parameter."""

from __future__ import annotations

import pytest
from changed_params import params_with

from components.common.errors import UserError

HUGE = 10**9
# Lowest and highest value of each parameter; a step beyond either is refused.
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
    f"{network}.{parameter}": ends
    for network in ("classifier", "segmenter")
    for parameter, ends in {
        "epochs": (1, HUGE),
        "batch_size": (1, HUGE),
        "accumulate": (1, 1024),
        "patience": (1, HUGE),
        "neighbors": (0, 4),
    }.items()
} | {"classifier.head_epochs": (1, HUGE)}  # fmt: skip
# The same for fractions: the ends, and whether they are included.
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
    f"{network}.{parameter}": ends
    for network in ("classifier", "segmenter")
    for parameter, ends in {
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


def value_of(parsed, parameter):
    for name in parameter.split("."):
        parsed = getattr(parsed, name)
    return parsed


def accepted(parameter, value):
    try:
        return value_of(params_with(**{parameter: value}), parameter) == value
    except UserError as error:
        message = str(error)
    assert message.startswith(f"params.yaml: {parameter}: ")
    assert message.endswith(f"; it is {value!r}")
    return False


@pytest.mark.parametrize("parameter", WHOLE)
def test_whole_numbers_are_accepted_only_within_their_range(parameter):
    low, high = WHOLE[parameter]
    beyond = [low - 1, *([] if high == HUGE else [high + 1])]
    assert [accepted(parameter, value) for value in (low, high)] == [True, True]
    assert not any(accepted(parameter, value) for value in (*beyond, low + 0.5))


@pytest.mark.parametrize("parameter", FRACTIONS)
def test_fractions_are_accepted_only_within_their_range(parameter):
    left, low, high, right = FRACTIONS[parameter]
    step = (high - low) / 1000
    assert [accepted(parameter, value) for value in (low + step, high - step)] == [True, True]
    assert not any(accepted(parameter, value) for value in (low - step, high + step))
    assert [accepted(parameter, float(value)) for value in (low, high)] == [left == "[", right == "]"]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("classifier.image_size", [32, 48, 1024], [16, 40, 1040]),
        ("segmenter.filters", [[8, 8], [1] * 5], [[8], [8] * 7, [0, 8]]),
        ("ingest.channels", [["flair"], ["flair", *"abcdefghijklmno"]], [[], ["flair", *"abcdefghijklmnop"]]),
        ("training.cache", ["c"], [""]),
        ("training.checkpoints", ["c"], [""]),
        ("gate.champion", ["c"], [""]),
    ],
)
def test_lists_image_sizes_and_folders_are_checked(parameter, good, bad):
    assert all(value_of(params_with(**{parameter: value}), parameter) == value for value in good)
    for value in bad:
        with pytest.raises(UserError, match=parameter):
            params_with(**{parameter: value})
