"""Line charts as SVG, and the learning curves drawn with them."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest

from components.report.learning import learning_curves
from components.report.svg import BOTTOM, LEFT, RIGHT, TOP, Chart, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 0.054, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (1, 18, [5, 10, 15]),
        (1, 2, [1, 1.2, 1.4, 1.6, 1.8, 2]),
        (0, 73.0, [0, 20, 40, 60]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round_and_few(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_ticks_of_epochs_are_whole():
    assert ticks(1, 2, whole=True) == [1, 2]
    assert ticks(1, 3, whole=True) == [1, 2, 3]
    assert ticks(1, 40, whole=True) == [10, 20, 30, 40]


def test_points_are_placed_by_the_axes_and_nan_is_skipped():
    chart = Chart((0, 10), (0, 1), "x", "y")
    chart.line([0, 5, 7, 10], [0, 0.5, math.nan, 1], "one")
    points = re.search(r'points="([^"]+)"', chart.draw("words"))[1]
    assert points == f"{LEFT},{BOTTOM} {(LEFT + RIGHT) / 2:.1f},{(TOP + BOTTOM) / 2:.1f} {RIGHT},{TOP}".replace(
        f"{LEFT},{BOTTOM}", f"{float(LEFT)},{float(BOTTOM)}"
    ).replace(f"{RIGHT},{TOP}", f"{float(RIGHT)},{float(TOP)}")


def test_a_line_of_one_point_is_drawn_as_a_dot():
    chart = Chart((0, 1), (0, 1), "x", "y")
    chart.line([0.5], [0.5], "two")
    assert '<circle class="two"' in chart.draw("words")


def test_the_description_is_escaped():
    assert '"&lt;b&gt; &amp; &#34;' in Chart((0, 1), (0, 1), "x", "y").draw('<b> & "')


def history(**changes):
    columns = {"epoch": [0, 1, 2], "loss": [0.9, 0.5, 0.3], "val_loss": [0.8, 0.6, 0.7]}
    return pd.DataFrame({**columns, "auroc": [0.5, 0.7, 0.9], "val_auroc": [0.4, 0.8, 0.6], **changes})


def test_the_kept_epoch_is_the_best_on_validation_patients():
    score, loss = learning_curves({"classifier": history()})
    assert score.note == "Epoch 2 is kept, the best on validation patients: 0.800."
    assert loss.note.startswith("Lowest on validation patients in epoch 2, 0.600.")
    assert "AUROC on validation patients from 0.400 to 0.600" in score.svg


def test_a_diverged_epoch_does_not_break_the_chart():
    score, loss = learning_curves(
        {"classifier": history(val_loss=[0.8, math.nan, 0.7], val_auroc=[math.nan, 0.8, 0.6])}
    )
    assert "not measured" in score.svg
    assert "epoch 3, 0.700" in loss.note


def test_a_single_epoch_is_drawn():
    score, _ = learning_curves({"classifier": history().head(1)})
    assert "over 1 epoch:" in score.svg
    assert score.svg.count("<circle") == 3


def test_a_missing_history_or_score_is_reported():
    never_scored = history(val_auroc=[math.nan] * 3)
    for panel in learning_curves({"classifier": never_scored, "segmenter": pd.DataFrame()}):
        assert panel.svg is None
        assert panel.note.startswith("Not measured")
