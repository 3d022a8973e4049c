"""Report: one self-contained HTML page for people, and the same curves as CSV for `dvc plots show`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import roc_curve

from components import charts
from components.files import atomic_file, atomic_folder
from components.layout import HISTORY, PATIENTS, SLICES
from components.params import Params
from components.scans.files import mask_path, read_mask, read_scan
from components.scans.scan import FLAIR
from components.tables import SIDES, TEXT, read_manifest, read_splits

CURVES = {"classifier": ("auroc", "val_auroc", "AUROC"), "segmenter": ("pooled_dice", "val_volume_dice", "Dice")}


def gallery(patients: pd.DataFrame, scans: Path, predictions: Path) -> list[dict[str, Any]]:
    """Best, median and worst patient by volume Dice: the FLAIR slice with most tumour, and both outlines."""
    ranked = patients.sort_values("volume_dice", ascending=False).reset_index(drop=True)
    picks = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    pictures = []
    for title, position in picks.items():
        row = ranked.loc[position]
        scan = read_scan(scans, row["patient"])
        assert scan.mask is not None
        found = read_mask(mask_path(predictions, row["patient"]))
        at = int(scan.mask.sum(axis=(1, 2)).argmax())
        pictures.append(
            {
                "title": title,
                "patient": row["patient"],
                "slice": at + 1,
                "dice": row["volume_dice"],
                "picture": charts.overlay(scan.image[at, ..., FLAIR], scan.mask[at], found[at]),
            }
        )
    return pictures


def data_card(manifest: pd.DataFrame, splits: pd.DataFrame) -> list[dict[str, Any]]:
    """Counts a side: patients, sites, slices, tumour slices, missing sequences."""
    slices = manifest.merge(splits[["patient", "split"]], on="patient")
    card = []
    for side in SIDES:
        part = slices[slices["split"] == side]
        by_patient = part.groupby("patient")
        card.append(
            {
                "side": side,
                "patients": part["patient"].nunique(),
                "sites": ", ".join(sorted(part["site"].unique())),
                "slices": len(part),
                "tumor_share": part["has_tumor"].mean(),
                "missing_pre": int(by_patient["missing_pre"].max().sum()),
                "missing_post": int(by_patient["missing_post"].max().sum()),
            }
        )
    return card


def write_plots(folder: str | Path, patients: pd.DataFrame, roc: pd.DataFrame) -> None:
    """Write the curves of the report as CSV, one file a curve."""
    with atomic_folder(folder) as part:
        roc.to_csv(part / "roc.csv", index=False)
        patients[["patient", "volume_dice"]].sort_values("volume_dice").to_csv(part / "patients.csv", index=False)


def write_report(
    report: str | Path,
    plots: str | Path,
    *,
    params: Params,
    metrics: dict[str, Any],
    verdict: dict[str, Any],
    artifacts: Path,
    predictions: Path,
    scans: Path,
    manifest: Path,
    splits: Path,
) -> None:
    """Write the page to `report` and the curves below `plots`, from what the stages before left behind."""
    table = pd.read_csv(predictions / PATIENTS, dtype=TEXT)
    patients = table[(table["gate"] == "on") & table["volume_dice"].notna()]
    slices = pd.read_csv(predictions / SLICES, dtype=TEXT)
    rates = roc_curve(slices["has_tumor"], slices["tumor_probability"], drop_intermediate=False)
    roc = pd.DataFrame({"false_positive_rate": rates[0], "true_positive_rate": rates[1]})
    write_plots(plots, patients, roc)

    classifier = metrics["classifier"]
    curves = {
        network: charts.learning_curve(pd.read_csv(artifacts / network / HISTORY).to_dict("list"), *metrics)
        for network, metrics in CURVES.items()
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = lambda value, digits=3: "not measured" if value is None else f"{value:.{digits}f}"
    page = environment.get_template("report.html.j2").render(
        metrics=metrics,
        verdict=verdict,
        curves=curves,
        roc=charts.roc(rates[0], rates[1], (1 - classifier["specificity"], classifier["sensitivity"])),
        bars=charts.patient_bars(
            patients["patient"].tolist(), patients["volume_dice"].tolist(), params.gate.min_volume_dice
        ),
        gallery=gallery(patients, scans, predictions),
        card=data_card(read_manifest(manifest), read_splits(splits)),
        parameters=yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False),
        versions={name: version(name) for name in ("glioflow", "tfx", "tensorflow-cpu", "keras", "apache-beam", "dvc")},
        slices_tested=len(slices),
        tumor_slices=int(np.sum(slices["has_tumor"])),
    )
    with atomic_file(report) as part:
        part.write_text(page, encoding="utf-8")
