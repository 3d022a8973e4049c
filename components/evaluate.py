"""Evaluate: the layered model on the test patients, end to end as it will be served, and its stages on their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from components import scoring
from components.files import atomic_folder, read_json
from components.layout import LAYERED, PATIENTS, SERVING, SLICES
from components.scans.files import mask_path, read_scan, write_mask
from components.scans.scan import Scan
from components.tables import TEXT, read_manifest, read_splits

COHORTS = ("site", "missing_sequence")


def run_model(model: Any, scan: Scan, record: dict[str, Any]) -> dict[str, np.ndarray]:
    """Run the SavedModel on a scan; `record` is what its layered.json says.

    Returns:
        tumor_probability [slices]; mask, bool [slices, height, width], as served, stage 2 only where stage 1 said yes;
        ungated, bool, the same shape: what stage 2 alone draws.
    """
    parts = []
    for batch in map(tf.constant, scan.batches(neighbors=record["neighbors"])):
        served = model.signatures["serving_default"](slices=batch)
        alone = model.signatures["stages"](slices=batch)
        parts.append(
            {
                "tumor_probability": served["tumor_probability"].numpy(),
                "mask": served["mask"].numpy() > 0,
                "ungated": alone["mask_probability"].numpy() >= record["mask_threshold"],
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def predict_patients(layered: str | Path, scans: str | Path, splits: str | Path, folder: str | Path) -> None:
    """Run the layered model on every test patient.

    Args:
        layered: what assemble wrote.
        folder: folder to write: `<patient>_mask.nii.gz`, patients.csv (scores with and without stage 1's gate, one
            row a patient) and slices.csv (label and tumour probability, one row a slice).
    """
    record = read_json(Path(layered) / LAYERED)
    model = tf.saved_model.load(str(Path(layered) / SERVING))
    patients, slices = [], []
    with atomic_folder(folder) as part:
        for row in tqdm(
            list(read_splits(splits).query("split == 'test'").itertuples()), desc="evaluate", unit="patient"
        ):
            scan = read_scan(scans, row.patient, row.site)
            assert scan.mask is not None
            found = run_model(model, scan, record)
            write_mask(mask_path(part, row.patient), found["mask"], scan.affine)
            for gate, mask in (("on", found["mask"]), ("off", found["ungated"])):
                patients.append({"patient": row.patient, "gate": gate, **scoring.patient_scores(scan.mask, mask)})
            slices += [
                {"patient": row.patient, "slice": number, "has_tumor": int(truth.any()), "tumor_probability": float(p)}
                for number, (truth, p) in enumerate(zip(scan.mask, found["tumor_probability"], strict=True), start=1)
            ]
        pd.DataFrame(patients).to_csv(part / PATIENTS, index=False)
        pd.DataFrame(slices).to_csv(part / SLICES, index=False)


def summarise(predictions: str | Path, layered: str | Path, manifest: str | Path, seed: int) -> dict[str, Any]:
    """Metrics of what `predict_patients` wrote: classifier, segmenter (gate off), layered (gate on), by cohort."""
    patients = pd.read_csv(Path(predictions) / PATIENTS, dtype=TEXT)
    slices = pd.read_csv(Path(predictions) / SLICES, dtype=TEXT)
    described = describe_patients(read_manifest(manifest))
    patients = patients.merge(described, on="patient", validate="many_to_one")
    gated, alone = patients[patients["gate"] == "on"], patients[patients["gate"] == "off"]
    record = read_json(Path(layered) / LAYERED)
    return {
        "data": "synthetic" if bool(patients["synthetic"].any()) else "scans",
        "classifier": scoring.classifier_scores(
            slices["has_tumor"].to_numpy(), slices["tumor_probability"].to_numpy(), record["tumor_threshold"]
        ),
        "segmenter": _summary(alone, seed),
        "layered": {**_summary(gated, seed), "mask_threshold": record["mask_threshold"]},
        "cohorts": {
            f"{cohort}={value}": {
                "patients": len(group),
                "volume_dice_mean": scoring.summarise_patients(_records(group), seed)["volume_dice_mean"],
            }
            for cohort in COHORTS
            for value, group in gated.groupby(cohort)
        },
    }


def describe_patients(manifest: pd.DataFrame) -> pd.DataFrame:
    """One row a patient: site, synthetic, missing_sequence ("none", "pre", "post" or "pre+post")."""
    described = manifest.groupby("patient").agg(
        site=("site", "first"), synthetic=("synthetic", "max"), pre=("missing_pre", "max"), post=("missing_post", "max")
    )
    described["missing_sequence"] = [
        "+".join(name for name, flag in (("pre", pre), ("post", post)) if flag) or "none"
        for pre, post in zip(described["pre"], described["post"], strict=True)
    ]
    return described.drop(columns=["pre", "post"]).reset_index()


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, None where a score does not exist."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _summary(table: pd.DataFrame, seed: int) -> dict[str, Any]:
    return scoring.summarise_patients(_records(table), seed)
