"""Learning curves: score and loss of a network over the epochs, in training and on validation patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.report.formatting import NETWORKS, count, number, score
from components.report.panels import Panel
from components.report.svg import Chart

# Network to its training score, and to the validation score that decides which epoch is kept.
SCORES = {"classifier": ("auroc", "val_auroc"), "segmenter": ("pooled_dice", "val_volume_dice")}


def learning_curves(histories: dict[str, pd.DataFrame]) -> list[Panel]:
    """Score and loss of both networks."""
    return [panel for network, history in histories.items() for panel in _of(network, history)]


def _of(network: str, history: pd.DataFrame) -> list[Panel]:
    training, validation = SCORES[network]
    score_panel = _panel(network, history, training, validation, (score(training), score(validation)))
    return [score_panel, _panel(network, history, "loss", "val_loss", ("loss", "loss"))]


def _panel(network: str, history: pd.DataFrame, training: str, validation: str, names: tuple[str, str]) -> Panel:
    is_loss = training == "loss"
    what = "loss" if is_loss else "score"
    title = f"{NETWORKS[network]}: {what} by epoch"
    kept = _kept(network, history)
    if kept is None or not {training, validation} <= set(history):
        return Panel(title, "Not measured: the training left no history.")
    epochs = [int(epoch) + 1 for epoch in history["epoch"]]
    seen, new = history[training].tolist(), history[validation].tolist()
    top = float(np.nanmax([*seen, *new, 1e-9])) * 1.05 if is_loss else 1.0
    chart = Chart((1, max(2, *epochs)), (0, top), "epoch", what, whole=True)
    chart.line(epochs, seen, "two")
    chart.line(epochs, new, "one")
    chart.dots([epochs[kept]], [new[kept]], "one")
    words = (
        f"{NETWORKS[network]}, {what} over {count(len(epochs), 'epoch')}: {names[0]} in training from "
        f"{number(seen[0])} to {number(seen[-1])}, {names[1]} on validation patients from {number(new[0])} to "
        f"{number(new[-1])}; epoch {epochs[kept]} is kept, with {number(new[kept])} on validation patients."
    )
    legend = (("one", f"validation, {names[1]}"), ("two", f"training, {names[0]}"), ("dot", "the epoch that is kept"))
    lowest = int(np.nanargmin(new)) if is_loss and np.isfinite(new).any() else kept
    note = (
        f"Lowest on validation patients in epoch {epochs[lowest]}, {number(new[lowest])}. Where it rises while the "
        "training loss falls, the network memorises its patients."
        if is_loss
        else f"Epoch {epochs[kept]} is kept, the best on validation patients: {number(new[kept])}."
    )
    return Panel(title, note, chart.draw(words), legend)


def _kept(network: str, history: pd.DataFrame) -> int | None:
    """Row of the epoch whose weights were kept: the best validation score; None if there is none."""
    name = SCORES[network][1]
    if name not in history or not history[name].notna().any():
        return None
    return int(np.nanargmax(history[name].to_numpy(float)))
