"""Charts of stage 1 and of calibration: ROC, reliability of slices and of mask pixels, risk over coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from components.layered.record import stage1_threshold
from components.report.curves import risk_table, roc_table
from components.report.formatting import count, measured, number, percent
from components.report.panels import Panel
from components.report.run_data import LOWEST, Run
from components.report.svg import Chart


def detection_panels(run: Run) -> list[Panel]:
    """ROC with the threshold, and both reliability diagrams."""
    return [_roc(run), _slices(run), _pixels(run)]


def _roc(run: Run) -> Panel:
    title, found = "ROC of the classifier", run.metrics["classifier"]
    table = roc_table(run)
    if table.empty:
        return Panel(title, "Not measured: it takes slices with tumour and slices without.")
    chart = Chart((0, 1), (0, 1), "false alarms: share of empty slices", "share of tumour slices found")
    chart.line([0, 1], [0, 1], "pale")
    chart.line(table["false_positive_rate"].tolist(), table["true_positive_rate"].tolist(), "one")
    chart.dots([1 - found["specificity"]], [found["sensitivity"]], "two")
    threshold = number(stage1_threshold(run.record))
    words = (
        f"ROC curve of the classifier on {count(len(run.slices), 'test slice')}, area {number(found['auroc'])} where "
        f"chance has 0.5; at the threshold {threshold} it finds {percent(found['sensitivity'])} of the tumour slices, "
        f"and passes {percent(1 - found['specificity'])} of the empty ones on to the segmenter."
    )
    legend = (("one", "classifier"), ("dot two", f"the threshold, {threshold}"), ("pale", "chance"))
    note = (
        f"The threshold was chosen on validation patients, to find {percent(run.params.assemble.sensitivity)} of their "
        f"tumour slices; on these test slices it finds {percent(found['sensitivity'])}."
    )
    return Panel(title, note, chart.draw(words), legend)


def _slices(run: Run) -> Panel:
    found = run.metrics["classifier"]
    note = (
        f"Expected calibration error {number(found['ece'])}; always predicting 0 would give "
        f"{number(found['ece_floor'])}, and chance alone gives a perfectly calibrated model "
        f"{number(found['ece_if_calibrated'])}."
    )
    table = run.reliability_of_slices()
    return _reliability("Reliability of slices", "slices", table, found["ece"], note)


def _pixels(run: Run) -> Panel:
    ece = run.metrics["calibration"]["mask_pixel_ece_from_1_percent"]
    note = (
        f"Expected calibration error {number(ece)}, over pixels with a predicted probability of {percent(LOWEST)} or "
        "more; the others are background, which any model gets right."
    )
    return _reliability("Reliability of mask pixels", "mask pixels", run.reliability_of_pixels(), ece, note)


def _reliability(title: str, things: str, table: pd.DataFrame, ece: float | None, note: str) -> Panel:
    if table.empty:
        return Panel(title, f"Not measured: there are no such {things}.")
    mean, observed, weight = (
        table[name].to_numpy(float) for name in ("mean_probability", "observed_frequency", "count")
    )
    chart = Chart((0, 1), (0, 1), "predicted probability", "observed share with tumour")
    chart.line([0, 1], [0, 1], "pale")
    chart.line(mean.tolist(), observed.tolist(), "one")
    chart.dots(mean.tolist(), observed.tolist(), "one", (2 + 6 * np.sqrt(weight / weight.max())).round(1).tolist())
    more = float(np.average(mean - observed, weights=weight))
    words = (
        f"Reliability of the probabilities of {things} in {count(len(table), 'bin')}: the mean prediction is "
        f"{percent(np.average(mean, weights=weight))}, the observed share "
        f"{percent(np.average(observed, weights=weight))}; expected calibration error {number(ece)}."
    )
    where = "Below the dotted line, predictions are too high; above it, too low"
    tends = "" if abs(more) < 0.005 else f" (here {percent(abs(more))} too {'high' if more > 0 else 'low'} on average)"
    legend = (("one", f"{things}, larger dots for more of them"), ("pale", "perfect calibration"))
    return Panel(title, f"{where}{tends}. {note}", chart.draw(words), legend)


def calibration_words(run: Run) -> list[str]:
    """What the reliability diagrams show, and how the probabilities were calibrated."""
    found = run.metrics["calibration"]
    return [
        f"The classifier's mean confidence in a slice is {percent(found['slice_confidence_mean'])}; with a threshold "
        f"of 0.5 it would be right in {percent(found['slice_accuracy_at_half'])} of the slices.",
        f"Where the segmenter predicts {percent(LOWEST)} or more for a pixel, its mean prediction is "
        f"{percent(found['mask_pixels_predicted_from_1_percent'])}, and "
        f"{percent(found['mask_pixels_observed_from_1_percent'])} of these pixels are tumour.",
        f"Both are after temperature scaling on validation patients: {number(found['tumor_temperature'], 2)} for the "
        f"classifier, {number(found['mask_temperature'], 2)} for the segmenter. A temperature "
        "above 1 softens a network's probabilities, one below 1 sharpens them.",
        *_smoothing_words(run.record),
    ]


def _smoothing_words(record: dict[str, Any]) -> list[str]:
    if "tumor_smoothing" not in record:
        return []
    rule = record["tumor_smoothing"]
    return [
        "The classifier's probabilities here are those of slices in their scan: each is weighed together with the "
        f"slices beside it (standard deviation {number(rule['sigma'], 1)} slices, temperature "
        f"{number(rule['temperature'], 2)}, both chosen on validation patients). A slice by itself, as a server sees "
        "it, is judged without."
    ]


def risk_panel(run: Run) -> Panel:
    """Risk over coverage: the value of doubt, against chance and an oracle."""
    title, table, doubt = "Risk-coverage curve of doubt", risk_table(run), run.metrics["doubt"]
    if table.empty:
        return Panel(title, "Not measured: no test patient has a tumour in the reference.")
    top = max(0.05, float(table[["risk", "random", "oracle"]].to_numpy().max()) * 1.1)
    chart = Chart((0, 1), (0, top), "share of patients kept, the least doubtful first", "mean of 1 - volume Dice")
    share = table["coverage"].tolist()
    for name, kind in (("random", "pale"), ("oracle", "two"), ("risk", "one")):
        chart.line(share, table[name].tolist(), kind)
    worth = _worth(doubt["gain"])
    words = (
        f"Risk over coverage of {count(len(table), 'patient')}: mean area {number(doubt['aurc'])} by the model's "
        f"doubt, {number(doubt['aurc_random'])} at random and {number(doubt['aurc_oracle'])} by an oracle. {worth}"
    )
    legend = (("one", "by the model's doubt"), ("pale", "at random"), ("two", "by an oracle that knows the Dice"))
    note = f"Where the line rises, leaving the most doubtful patients to a human lowers the error of the rest. {worth}"
    return Panel(title, note, chart.draw(words), legend)


def _worth(gain: float | None) -> str:
    if not measured(gain):
        return "All patients have the same Dice, so there is nothing to tell apart."
    assert gain is not None
    if gain <= 0:
        return "The model's doubt is no better than chance."
    return f"The model's doubt goes {percent(gain)} of the way from chance to the oracle."
