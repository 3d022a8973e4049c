"""Stage report: write the curves, the page and the model card of the run."""

from __future__ import annotations

from components.common.params import Params
from components.report.curves import write_plots
from components.report.model_card import write_card
from components.report.page import write_page
from components.report.run_data import read_run
from pipelines.paths import (
    ARTIFACTS,
    BLESSING,
    CARD,
    DETAILS,
    MANIFEST,
    PLOTS,
    PREDICTIONS,
    PROBLEMS,
    REPORT,
    SCANS,
    SPLITS,
    VALIDATION,
)


def run(params: Params) -> None:
    """Write the curves, the page and the model card of the run."""
    found = read_run(
        params, metrics=DETAILS, verdict=BLESSING / "verdict.json", artifacts=ARTIFACTS, predictions=PREDICTIONS,
        scans=SCANS, manifest=MANIFEST, splits=SPLITS, problems=PROBLEMS, drift=VALIDATION / "drift.csv",
    )  # fmt: skip
    write_plots(PLOTS, found)
    write_page(REPORT, found)
    write_card(CARD, found)
