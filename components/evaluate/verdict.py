"""The verdict on a candidate: numbers, findings and the gate's decision, from the output of `evaluate`."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from components.common.errors import UserError
from components.common.layout import CHAMPION, PATIENTS
from components.common.params import Params
from components.common.predictions import read_patients
from components.common.tables import read_manifest, read_splits
from components.evaluate import gate
from components.evaluate.champion import challenge
from components.evaluate.clinical import read_clinical
from components.evaluate.clinical_findings import clinical_findings
from components.evaluate.findings import findings, leak
from components.evaluate.stage import evaluate
from components.evaluate.summary import summarise
from components.layered.predictor import Predictor
from components.layered.record import digest, read_record
from components.scans.identity import fingerprint


def decide_verdict(
    params: Params,
    *,
    layered: Path,
    predictions: Path,
    scans: Path,
    splits: Path,
    manifest: Path,
    tfma: dict[str, Any],
    refusals: list[gate.Check],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Summarise the candidate, compare it with the champion, and decide.

    Args:
        layered, predictions, scans, splits, manifest: paths of the candidate and its data.
        tfma: metrics from the TFX Evaluators, network to cohort to metrics.
        refusals: checks that the Evaluators failed.

    Returns:
        Metrics, as stored in reports/details.json, and the verdict, with the digest of the `model` that it is about.
    """
    tested = list(read_splits(splits).query("split == 'test'")["patient"])
    people, record = [fingerprint(patient) for patient in tested], read_record(layered)
    clinical = read_clinical(params.evaluate.clinical, tested) if params.evaluate.clinical else None
    metrics = summarise(predictions, layered, read_manifest(manifest), params.seed, clinical)
    metrics["segmenter"]["pooled_dice"] = tfma["segmenter"]["overall"].get("pooled_dice")
    compared, champion = challenge(
        params.gate.champion,
        people,
        read_patients(predictions),
        params.gate,
        params.seed,
        partial(_measure, params=params, layered=layered, scans=scans, splits=splits, predictions=predictions),
    )
    verdict = gate.verdict(
        [
            *gate.no_leak(leak(record, people)),
            *gate.floors(metrics, params.gate),
            *gate.cohort_floors(metrics, params.gate),
            *refusals,
            *compared,
        ]
    )
    metrics = {"verdict": verdict["verdict"], **metrics, "champion": champion, "tfma": tfma}
    sentences = findings(metrics, record, people)
    if params.evaluate.clinical:
        sentences += clinical_findings(params.evaluate.clinical, tested)
    return metrics | {"findings": sentences}, verdict | {"model": digest(layered)}


def _measure(
    model: Path, *, params: Params, layered: Path, scans: Path, splits: Path, predictions: Path
) -> pd.DataFrame:
    """Run the champion on the candidate's test patients; its scores are kept beside the candidate's."""
    if digest(model) == digest(layered):  # the candidate itself was promoted: it has just been measured
        shutil.copy(predictions / PATIENTS, predictions / CHAMPION)
        return read_patients(predictions)
    _check_slices(model, layered)
    Predictor(model, "tensorflow")  # reports in one line why it can't be loaded; a Beam worker would take fifty
    with tempfile.TemporaryDirectory(prefix="glioflow-champion-") as folder:
        target, convert = Path(folder) / "predictions", params.convert
        evaluate(model, scans, splits, target, beam_args=convert.beam_args, storage=convert.storage)
        shutil.copy(target / PATIENTS, predictions / CHAMPION)
        return read_patients(target)


def _check_slices(champion: Path, candidate: Path) -> None:
    """Refuse to run the champion on scans that were resampled for other networks than its own, where it does badly."""
    theirs, ours = (read_record(model).get("slices", {}) for model in (champion, candidate))
    for name in theirs.keys() & ours.keys() & {"size", "spacing"}:
        if theirs[name] != ours[name]:
            raise UserError(
                f"it was made for ingest.{name} {theirs[name]:g}, and the scans have {ours[name]:g}; set that back, "
                "or remove the champion"
            )
