"""Charts and pictures of the report, as inline SVG and PNG: no network, and the same bytes for the same numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

REFERENCE, PREDICTED, INK, PALE = "#00a087", "#e64b35", "#2b3a4a", "#b7c3cf"
STYLE = {
    "svg.hashsalt": "glioflow",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8edf2",
}


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    """The figure as an <svg> element, without the XML header."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def learning_curve(history: Mapping[str, Sequence[float]], training: str, validation: str, label: str) -> str:
    """Training and validation score over the epochs, 0..1; the best epoch is marked."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(4.6, 2.6)
        epochs = np.arange(1, len(history[training]) + 1)
        axes.plot(epochs, history[training], color=PALE, label=f"training, {training.replace('_', ' ')}")
        axes.plot(epochs, history[validation], color=INK, label=f"validation, {validation[4:].replace('_', ' ')}")
        best = int(np.argmax(history[validation]))
        axes.plot(epochs[best], history[validation][best], "o", color=PREDICTED, label="kept")
        axes.set(xlabel="epoch", ylabel=label, ylim=(0, 1.02))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, loc="lower right")
        return _svg(figure)


def roc(false_positive_rate: Sequence[float], true_positive_rate: Sequence[float], point: tuple[float, float]) -> str:
    """ROC curve with the chosen threshold, `point` being (1 - specificity, sensitivity)."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(3.2, 2.6)
        axes.plot([0, 1], [0, 1], "--", color=PALE, label="chance")
        axes.plot(false_positive_rate, true_positive_rate, color=INK, drawstyle="steps-post", label="classifier")
        axes.plot(*point, "o", color=PREDICTED, label="threshold")
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(frameon=False, loc="lower right")
        return _svg(figure)


def patient_bars(names: Sequence[str], dice: Sequence[float], floor: float) -> str:
    """Volume Dice of each patient, worst at the bottom, with the gate's floor on the mean."""
    order = np.argsort(dice)
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(7.2, 0.9 + 0.2 * len(names))
        axes.barh(np.arange(len(names)), np.asarray(dice)[order], color=REFERENCE, height=0.7)
        axes.set_yticks(np.arange(len(names)), [names[i] for i in order])
        axes.axvline(floor, color=PREDICTED, linestyle="--", label=f"floor on the mean, {floor:g}")
        axes.set(xlabel="volume Dice", xlim=(0, 1))
        axes.grid(axis="y", visible=False)
        figure.legend(frameon=False, loc="outside upper left")
        return _svg(figure)


def overlay(image: np.ndarray, reference: np.ndarray, prediction: np.ndarray) -> str:
    """One slice with both outlines, as a data URI.

    Args:
        image: uint8 [height, width], one channel.
        reference, prediction: bool [height, width].
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.6, 2.6), dpi=100)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.imshow(image, cmap="gray", vmin=0, vmax=max(1, np.percentile(image, 99.8)))
        for mask, colour, width in ((reference, REFERENCE, 1.8), (prediction, PREDICTED, 1.2)):
            if mask.any():
                axes.contour(mask, levels=[0.5], colors=colour, linewidths=width)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
