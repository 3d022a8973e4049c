"""The champion: is the candidate no worse than the model in use, on the same patients?"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd

from components.common.errors import UserError
from components.common.layout import LAYERED
from components.common.params.decisions import Gate
from components.evaluate.findings import known_people, missing_provenance
from components.evaluate.gate import Check, check, refusal
from components.io.storage import walk
from components.layered.record import read_record
from components.metrics.paired import paired_difference
from components.metrics.persons import counted

Measure = Callable[[Path], pd.DataFrame]
SUBJECT = "against the champion"
NOTES = ("README.md", ".gitignore")


def champion_in(folder: str | Path) -> Path | None:
    """Return the layered model in the champion's folder; None if the folder holds nothing but notes.

    Raises:
        UserError: the folder does not exist, or holds something else or several models.
    """
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder; gate.champion names the one for the champion")
    files = [Path(path) for path in walk(folder)]
    models = [path.parents[1] for path in files if path.as_posix().endswith(f"/{LAYERED}")]
    if len(models) > 1:
        raise UserError(f"{folder} holds {len(models)} layered models; leave one there")
    others = [path.name for path in files if path.name not in NOTES]
    if not models and others:
        remedy = "run `dvc pull`" if all(name.endswith(".dvc") for name in others) else "put one there, or clear it"
        raise UserError(f"{folder} holds {min(others)}, and no layered model; {remedy}")
    return models[0] if models else None


def leakage_checks(champion: Path, tested: Collection[str]) -> list[Check]:
    """Refuse a meaningless comparison: the champion was trained or chosen on persons who are tested now.

    Args:
        champion: folder of the champion's layered model.
        tested: fingerprints of the test persons.

    Returns:
        One failed check if the champion has seen any of them, or does not record whom it has seen; none otherwise.
    """
    record = read_record(champion)
    missing = missing_provenance(record)
    if missing:
        return [refusal(SUBJECT, f"the champion {missing}; assemble it again, or remove it")]
    seen = known_people(record) & set(tested)
    if not seen:
        return []
    return [
        refusal(
            SUBJECT,
            f"the test set has changed: the champion was trained or chosen on {len(seen)} of the {len(set(tested))} "
            "persons tested now; restore data/ledger.csv, which keeps patients in their splits, or remove the champion",
        )
    ]


def challenge(
    champion: str | Path, tested: Collection[str], candidate: pd.DataFrame, gate: Gate, seed: int, measure: Measure
) -> tuple[list[Check], dict[str, Any] | None]:
    """Compare the candidate with the champion, if there is one.

    Args:
        champion: folder of the champion.
        tested: fingerprints of the test persons.
        candidate: scores of the candidate, see `compare`.
        gate: limits, see `compare`.
        seed: seed of the test, see `compare`.
        measure: function that runs a layered model on the test patients and returns its scores.

    Returns:
        Checks, none without a champion; and the result of `compare`, None without one. An unusable champion is reported
        as a failed check.
    """
    try:
        model = champion_in(champion)
        if model is None:
            return [], None
        refusals = leakage_checks(model, tested)
        if refusals:
            return refusals, None
        return compare(candidate, measure(model), gate, seed)
    except UserError as error:
        return [refusal(SUBJECT, f"the champion can't be used: {error}")], None


def compare(
    candidate: pd.DataFrame, champion: pd.DataFrame, gate: Gate, seed: int
) -> tuple[list[Check], dict[str, Any]]:
    """Compare volume Dice examination by examination.

    Args:
        candidate, champion: tables of `components.common.predictions.read_patients`. A column `person` tells whose
            examination each is where `patient` is no name, as in the registry.
        gate: limits; `margin` is the loss allowed in the candidate's mean.
        seed: seed of the test.

    Returns:
        The checks: both models have the same patients, the loss in the mean is within the margin, and, given enough
        persons, the test at the 5 % level agrees. And the measured differences, for the report.
    """
    scores = [dict(zip(table["patient"], table["volume_dice"], strict=True)) for table in (candidate, champion)]
    if set(scores[0]) != set(scores[1]):
        return [refusal(SUBJECT, "the champion was not measured on the same patients; evaluate both again")], {}
    with_tumor = [{name: value for name, value in one.items() if not math.isnan(value)} for one in scores]
    if set(with_tumor[0]) != set(with_tumor[1]) or not with_tumor[0]:
        return [refusal(SUBJECT, "volume_dice is missing for a patient, so nothing can be compared")], {}
    persons = dict(zip(candidate["patient"], candidate["person"], strict=True)) if "person" in candidate else None
    found = paired_difference(with_tumor[0], with_tumor[1], margin=gate.margin, seed=seed, persons=persons)
    checks = [check(SUBJECT, "mean difference of volume Dice", found.mean, -gate.margin)]
    if found.p_value is not None:
        sure = (
            f"with {counted(found.persons, found.patients)} (p {found.p_value:.3f}) that the candidate is at most "
            f"{gate.margin:g} worse"
        )
        words = f"it is certain enough {sure}" if found.not_inferior else f"it is not certain enough {sure}"
        checks.append(Check(SUBJECT, "non-inferiority", found.p_value, 0.05, found.not_inferior, words))
    return checks, vars(found)
