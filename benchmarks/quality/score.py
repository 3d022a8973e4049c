"""Score a cross-validation: `python benchmarks/quality/score.py --source kaggle_3m --segmenter NAME --classifier NAME`.

Every fold's thresholds, temperatures and 3-D processing are chosen by `assemble` on the out-of-fold predictions of the
other folds. Writes a table of patients, prints JSON.
"""

from __future__ import annotations

import functools
import json
import math
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from held_out import HeldOut, OutOfFold, folds_of, temperatures
from pack import FOLDS

from components.assemble.choices import choose, choose_stage1
from components.common.files import atomic_file, write_json
from components.common.params import load
from components.layered.decision import decide
from components.layered.record import stage1_threshold
from components.metrics.mask_scores import dice, patient_scores
from components.metrics.patient_summary import summarise_patients
from components.metrics.slice_scores import classifier_scores
from components.sources import Source, open_source

DEFAULT_CHOICES: dict[str, Any] = {
    "tumor_temperature": 1.0,
    "mask_temperature": 1.0,
    "tumor_threshold": 0.5,
    "mask_threshold": 0.5,
    "processing": {"largest": False, "min_ml": 0.0},
}


# Shares of the tumour slices that the gate has to find: what each costs and saves.
SENSITIVITIES = (0.99, 0.98, 0.97, 0.95, 0.9, 0.8)
FALSE_AREA = "false_positive_pixels_per_empty_slice"


def gate_scores(reference: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """The scores of `patient_scores` that stage 1's gate affects, without the slow surface distances."""
    empty = ~reference.any(axis=(1, 2))
    return {
        "volume_dice": dice(reference, prediction),
        FALSE_AREA: float(prediction[empty].sum() / empty.sum()) if empty.any() else math.nan,
    }


def scored(
    fold: HeldOut, record: dict[str, Any], gates: dict[float, dict[str, Any]], scans: Source
) -> Iterator[dict[str, Any]]:
    """Scores of each patient of a fold: gate on, gate off, unprocessed; its slices; and with other gates."""
    for patient, scan, seen in OutOfFold([fold], scans).patients(*temperatures(record)):
        assert scan.mask is not None
        found = decide(seen, scan.spacing, record)
        one = {"patient": patient, "site": scan.site}
        others = {"raw": seen.mask_probability >= record["mask_threshold"]}
        for sensitivity, stage1 in gates.items():
            others[str(sensitivity)] = decide(seen, scan.spacing, record | stage1).mask
        yield {
            "slices": {
                "labels": scan.mask.any(axis=(1, 2)),
                "probability": found.tumor_probability,
                "passed": found.has_tumor,
            },
            "on": one | patient_scores(scan.mask, found.mask, scan.spacing),
            "off": one | patient_scores(scan.mask, found.ungated, scan.spacing),
            **{name: gate_scores(scan.mask, mask) for name, mask in others.items()},
        }


def fold_scored(number: int, asked: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Choose on all other folds and score this one; the number after the last scores none and chooses on all."""
    assemble = load().assemble
    folds = folds_of(asked["source"], asked["recipe"], asked["other"], asked["tests"], asked["place"])
    tested = folds[number : number + 1]
    others = [one for one in folds if one not in tested] or folds
    with open_source(asked["source"]) as scans:
        if asked["fixed"]:
            return DEFAULT_CHOICES, [row for fold in tested for row in scored(fold, DEFAULT_CHOICES, {}, scans)]
        known = OutOfFold(others, scans)
        record = choose(known, sensitivity=assemble.sensitivity, refer=assemble.refer, smooth=asked["smooth"])
        gates = {
            share: choose_stage1(known, record["tumor_temperature"], sensitivity=share, smooth=asked["smooth"])
            for share in SENSITIVITIES
        }
        return record, [row for fold in tested for row in scored(fold, record, gates, scans)]


@click.command()
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--segmenter", "recipe", required=True, help="Recipe of the segmenters.")
@click.option("--classifier", "other", help="Recipe of the classifiers; without it the mask's peak stands for them.")
@click.option("--tests", default=",".join(map(str, range(FOLDS))), help="Tags of the folds, e.g. 1-without-0.")
@click.option("--fixed", is_flag=True, help="Choose nothing: 0.5 for both thresholds, no temperatures, no processing.")
@click.option("--smooth/--alone", default=True, show_default=True, help="Stage 1 along a scan, or slice by slice.")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(source: Path, recipe: str, other: str | None, tests: str, fixed: bool, smooth: bool, place: Path) -> None:
    """Score the out-of-fold predictions of RECIPE."""
    tags = tests.split(",")
    asked = {
        **{"source": source, "recipe": recipe, "other": other, "tests": tags},
        **{"fixed": fixed, "smooth": smooth, "place": place},
    }
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), max_workers=os.cpu_count()) as workers:
        *by_fold, (final, _) = workers.map(functools.partial(fold_scored, asked=asked), range(len(tags) + 1))
    rows = [{"fold": number, **row} for number, (_, scores) in enumerate(by_fold) for row in scores]
    gated, alone = (pd.DataFrame([{"fold": row["fold"], **row[kind]} for row in rows]) for kind in ("on", "off"))
    name = f"{recipe}{f'+{other}' if other else ''}"
    with atomic_file(place / f"{name}.csv") as part:
        alone.merge(gated, on=["fold", "patient", "site"], suffixes=("", "_gated")).to_csv(part, index=False)
    write_json(place / f"{name}.choices.json", final)
    print(json.dumps(summary(rows, [record for record, _ in by_fold], final), indent=2))


def summary(rows: list[dict], records: list[dict], final: dict) -> dict[str, Any]:
    """The cross-validation in numbers: all patients, the classifier over all slices, and what each fold chose."""
    labels, probability, passed = (
        np.concatenate([row["slices"][key] for row in rows]) for key in ("labels", "probability", "passed")
    )
    volume_dice = pd.Series([row["off"]["volume_dice"] for row in rows])
    gates = [kind for kind in rows[0] if kind not in ("fold", "slices")]
    return {
        "segmenter": summarise_patients([row["off"] for row in rows]),
        "layered": summarise_patients([row["on"] for row in rows]),
        "volume_dice_by_fold": volume_dice.groupby([row["fold"] for row in rows]).mean().tolist(),
        "volume_dice_by_site": volume_dice.groupby([row["off"]["site"] for row in rows]).mean().to_dict(),
        "gates": {
            kind: {score: np.nanmean([row[kind][score] for row in rows]) for score in ("volume_dice", FALSE_AREA)}
            for kind in gates
        },
        "classifier": {
            **classifier_scores(labels, probability, stage1_threshold(final)),
            "sensitivity_of_folds": float(passed[labels].mean()),
            "specificity_of_folds": float((~passed[~labels]).mean()),
        },
        "chosen_by_fold": [
            {key: one.get(key) for key in ("tumor_threshold", "tumor_smoothing", "mask_threshold", "processing")}
            for one in records
        ],
    }


if __name__ == "__main__":
    main()
