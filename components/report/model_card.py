"""The model card: what a model is, what it is for, and what it is not for; Markdown that travels with it.

It contains no date and no address, so the same run gives the same bytes. Without its headline numbers a card would be
an advertisement, so a missing one is an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]

from components.common.errors import UserError
from components.common.files import atomic_file, read_json
from components.evaluate.gate import BLESSED
from components.metrics.persons import counted
from components.report import champion_section, data_card, detection, formatting, groups, numbers, patient_section
from components.report.page import environment
from components.report.run_data import NETWORKS, Run

# What the card must state: group and name in reports/details.json.
HEADLINE = (
    *(("layered", f"volume_dice_mean{end}") for end in ("", "_low95", "_high95")),
    *(("classifier", name) for name in ("auroc", "sensitivity", "specificity", "ece")),
)
# Names as in kaggle_3m: TCGA_DU_7298_19910324. TCIA's own have hyphens.
KAGGLE = re.compile(r"TCGA_(CS|DU|EZ|FG|HT)_[A-Za-z0-9]+_\d{8}")


def missing(metrics: dict[str, Any]) -> list[str]:
    """Missing headline numbers, as "layered.volume_dice_mean"."""
    return [f"{group}.{name}" for group, name in HEADLINE if not formatting.measured(metrics.get(group, {}).get(name))]


def write_card(path: str | Path, run: Run) -> None:
    """Write the model card of a run.

    Raises:
        UserError: a headline number is missing; the message names it.
    """
    lacking = missing(run.metrics)
    if lacking:
        raise UserError(
            f"reports/details.json: {', '.join(lacking)} could not be measured, and a model card needs it; "
            "test on at least two patients with tumour, some of whose slices have none (split.test or split.file)"
        )
    card = environment(html=False).get_template("model_card.md.j2").render(**contents(run))
    with atomic_file(path) as part:
        part.write_text(card, encoding="utf-8")


def contents(run: Run) -> dict[str, Any]:
    """The card's content."""
    trained = run.manifest.merge(run.splits.query("split == 'train'")[["patient"]], on="patient")
    with_tumor = trained.groupby("patient")["has_tumor"].max()
    return {
        "run": run,
        "metrics": run.metrics,
        "record": run.record,
        "verdict": run.verdict,
        "blessed": run.verdict["verdict"] == BLESSED,
        "networks": {network: _network(run.artifacts / network) for network in NETWORKS},
        "made_from": run.record["made_from"],
        "channels": 3 * (2 * run.record["neighbors"] + 1),
        "source": source(run),
        "trained": len(with_tumor),
        "with_tumor": int(with_tumor.sum()),
        "splits": data_card.splits(run),
        "starts": data_card.start_words(run),
        "from_reference": any("reference" in made.get("started_from", ()) for made in run.record["made_from"].values()),
        "drift": data_card.drift_words(run),
        "reviews": data_card.review_words(run),
        "tested": numbers.tested(run),
        "counted": counted,
        "headline": numbers.headline(run),
        "calibration": detection.calibration_words(run),
        "refer_words": patient_section.refer_words(run),
        "champion": champion_section.champion_words(run),
        "cohorts": groups.cohort_groups(run),
        "processing": formatting.processing(run.record["processing"]),
    }


def source(run: Run) -> str:
    """Where the scans come from: "synthetic", "kaggle_3m" or "other"."""
    if run.synthetic:
        return "synthetic"
    names = run.manifest["patient"].unique()
    return "kaggle_3m" if all(KAGGLE.match(name) for name in names) else "other"


def _network(folder: Path) -> dict[str, Any]:
    """Arguments of a network, and its number of values (weights, biases, moving averages)."""
    arguments = read_json(folder / "network.json")["arguments"]
    sizes: list[int] = []
    with h5py.File(folder / "network.weights.h5", "r") as file:
        file.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    return {"arguments": arguments, "numbers": sum(sizes)}
