"""The dossier: the documents that travel with an approved model, so that an auditor needs nothing else."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.common.errors import UserError
from components.common.files import read_json, write_json
from components.common.predictions import read_patients
from components.common.versions import code_version, packages
from components.layered.record import digest, read_record
from components.scans.identity import fingerprint

HEADLINE = {
    "auroc": ("classifier", "auroc"),
    "volume_dice_mean": ("layered", "volume_dice_mean"),
    "volume_dice_mean_low95": ("layered", "volume_dice_mean_low95"),
    "volume_dice_mean_high95": ("layered", "volume_dice_mean_high95"),
    "volume_dice_median": ("layered", "volume_dice_median"),
    "patients": ("layered", "patients"),
}


@dataclass(frozen=True)
class Record:
    """Where a run left the parts of the dossier.

    Attributes:
        model: folder of the layered model.
        predictions: folder written by `evaluate`.
        metrics, details, verdict, card, params: metrics.json, details.json, verdict.json, model_card.md, params.yaml.
    """

    model: Path
    predictions: Path
    metrics: Path
    details: Path
    verdict: Path
    card: Path
    params: Path


def write_dossier(folder: Path, run: Record) -> None:
    """Write card, metrics, verdict, parameters, versions and SBOM.

    Args:
        folder: folder to create; must not exist.
        run: where the run left the parts.

    Raises:
        UserError: a part is missing, or no bill of materials can be written.
    """
    folder.mkdir(parents=True)
    for path in (run.metrics, run.details, run.verdict, run.card, run.params):
        if not path.is_file():
            raise UserError(f"{path}: not here, and a dossier needs it; run `dvc repro`")
        shutil.copy(path, folder / path.name)
    made_from = read_record(run.model).get("made_from", {})
    write_json(folder / "versions.json", {"code": code_version(), "packages": packages(), "data": made_from})
    write_json(folder / "sbom.cdx.json", sbom())


def summary(run: Record) -> dict[str, Any]:
    """The part of the dossier for the table and promotion: digest, verdict, reviews, headline numbers, test scores.

    Patients appear by fingerprint, because this file is kept in Git.

    Raises:
        UserError: the verdict is on another model.
    """
    metrics, verdict, record = read_json(run.metrics), read_json(run.verdict), read_record(run.model)
    model = digest(run.model)
    if verdict.get("model") != model:
        raise UserError(f"{run.model}: is not the model that was evaluated; run `dvc repro`")
    return {
        "model": model,
        "verdict": verdict["verdict"],
        "data": metrics["data"],
        "reviews": read_json(run.details).get("reviews", []),
        "headline": {name: metrics[group].get(key) for name, (group, key) in HEADLINE.items()},
        "made_from": {network: _versions(made) for network, made in record.get("made_from", {}).items()},
        "neighbors": record["neighbors"],
        "scores": _scores(read_patients(run.predictions)),
    }


def _scores(table: pd.DataFrame) -> dict[str, float | None]:
    """Volume Dice by fingerprint; a person's second examination, by name, has "-2" after it, and so on."""
    seen: Counter[str] = Counter()
    found = {}
    for patient, score in sorted(zip(table["patient"], table["volume_dice"], strict=True)):
        person = fingerprint(patient)
        seen[person] += 1
        name = person if seen[person] == 1 else f"{person}-{seen[person]}"
        found[name] = None if math.isnan(score) else score
    return found


def scores(summary: dict[str, Any]) -> pd.DataFrame:
    """Return the scores of a summary, as `components.evaluate.champion.compare` takes them."""
    known = summary.get("scores", {})
    return pd.DataFrame(
        {
            "patient": list(known),
            "person": [name.partition("-")[0] for name in known],
            "volume_dice": [math.nan if s is None else s for s in known.values()],
        }
    )


def sbom() -> dict[str, Any]:
    """Software bill of materials of this environment, CycloneDX 1.6, by cyclonedx-py; without local paths."""
    # Skips validation against the specification, which takes half a minute.
    flags = ["--of", "JSON", "--output-reproducible", "--no-validate", "-o", "-"]
    result = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", *flags, sys.executable],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise UserError(f"cyclonedx-py: {result.stderr.strip()}; no bill of materials can be written")
    materials = json.loads(result.stdout)
    for component in materials["components"]:
        if "externalReferences" in component:
            component["externalReferences"] = [
                one for one in component["externalReferences"] if not one["url"].startswith("file:")
            ]
    return materials


def _versions(made: dict[str, Any]) -> dict[str, Any]:
    """What a network was trained from, less the list of people, which stays inside the model."""
    return {name: value for name, value in made.items() if name != "people"}
