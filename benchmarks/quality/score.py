"""Score a cross-validation: `python benchmarks/quality/score.py --source kaggle_3m --segmenter NAME --classifier NAME`.

Every fold's thresholds, temperatures and 3-D processing are chosen by `assemble` on the out-of-fold predictions of the
other folds. Writes a table of patients, prints JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from pack import FOLDS, packed
from train import knobs as params_of

from components.assemble import choose
from components.evaluation.masks import patient_scores
from components.evaluation.patients import summarise_patients
from components.evaluation.pixels import PixelCalibration
from components.evaluation.slices import classifier_scores
from components.evaluation.temperature import apply_temperature
from components.files import atomic_file, write_json
from components.params import load
from components.prediction import Views, decide
from components.scans.scan import Scan
from components.sources import Source, open_source
from models import preprocessing

NOTHING_CHOSEN: dict[str, Any] = {
    "tumor_temperature": 1.0,
    "mask_temperature": 1.0,
    "tumor_threshold": 0.5,
    "mask_threshold": 0.5,
    "processing": {"largest": False, "min_ml": 0.0},
}


@dataclass(frozen=True)
class HeldOut:
    """What a fold's networks said of the patients that they had not seen, on their own grids.

    Attributes:
        patients: names, in order.
        ends: where each patient's slices end, int [patients].
        probability: float16 [slices].
        drawn, mirrored: float16 [slices, size, size, 1].
    """

    patients: list[str]
    ends: np.ndarray
    probability: np.ndarray
    drawn: np.ndarray
    mirrored: np.ndarray

    def of(self, patient: str, side: int) -> Views:
        """What was said of a patient, brought back to slices of `side` pixels."""
        at = self.patients.index(patient)
        slices = slice(self.ends[at - 1] if at else 0, self.ends[at])
        maps = (
            np.asarray(preprocessing.from_grid(part[slices], side, side))[..., 0]
            for part in (self.drawn, self.mirrored)
        )
        both = sum(maps) / 2  # the reference model looks at the mirror image, too
        return Views(self.probability[slices].astype(np.float32), both, both)


class OutOfFold:
    """The held-out patients of some folds, as `assemble.choose` takes validation patients."""

    def __init__(self, folds: list[HeldOut], scans: Source) -> None:
        self.where = {patient: fold for fold in folds for patient in fold.patients}
        self.scans, self.pixels = scans, PixelCalibration()
        labels = []
        for _, scan, seen in self.patients(1.0, 1.0):
            assert scan.mask is not None
            self.pixels += PixelCalibration.of(seen.mask_probability, scan.mask)
            labels.append(scan.mask.any(axis=(1, 2)))
        self.labels = np.concatenate(labels)
        self.probabilities = np.concatenate([fold.probability for fold in folds]).astype(np.float32)

    def patients(self, tumor_temperature: float, mask_temperature: float) -> Iterator[tuple[str, Scan, Views]]:
        """Yield each patient with its calibrated views."""
        for patient, fold in self.where.items():
            scan = self.scans.read(patient).scan
            assert scan is not None
            seen = fold.of(patient, scan.image.shape[1])
            yield (
                patient,
                scan,
                Views(
                    apply_temperature(seen.tumor_probability, tumor_temperature),
                    apply_temperature(seen.mask_probability, mask_temperature),
                    apply_temperature(seen.mirrored, mask_temperature),
                ),
            )


def held_out(segmenter: Path, classifier: Path | None, slices: dict[str, int]) -> HeldOut:
    """Read a fold; without a classifier, its probability is the largest of the mask's."""
    with np.load(segmenter / "held_out.npz", allow_pickle=False) as drawn:
        patients, seen, mirrored = drawn["patients"].tolist(), drawn["seen"], drawn["mirrored"]
    if classifier is None:
        probability = seen.max(axis=(1, 2, 3))
    else:
        with np.load(classifier / "held_out.npz", allow_pickle=False) as said:
            if said["patients"].tolist() != patients:
                raise click.ClickException(f"{classifier}: other patients than {segmenter}; train both anew")
            probability = said["seen"][:, 0]
    return HeldOut(patients, np.cumsum([slices[patient] for patient in patients]), probability, seen, mirrored)


def scored(fold: HeldOut, record: dict[str, Any], scans: Source) -> Iterator[tuple[dict, dict, dict]]:
    """Scores of each patient of a fold, gate on and off, and its slices."""
    temperatures = record["tumor_temperature"], record["mask_temperature"]
    for patient, scan, seen in OutOfFold([fold], scans).patients(*temperatures):
        assert scan.mask is not None
        found = decide(seen, scan.spacing, record)
        one = {"patient": patient, "site": scan.site}
        yield (
            one | patient_scores(scan.mask, found.mask, scan.spacing),
            one | patient_scores(scan.mask, found.ungated, scan.spacing),
            {
                "labels": scan.mask.any(axis=(1, 2)),
                "probability": seen.tumor_probability,
                "passed": found.has_tumor,
            },
        )


def folds_of(source: Path, recipe: str, other: str | None, tags: list[str], place: Path) -> list[HeldOut]:
    """What the networks of some folds said: segmenters of `recipe`, classifiers of `other`."""
    size, seed = params_of(recipe).segmenter.image_size, params_of(recipe).seed
    table = packed(source, size, seed, place / f"pack-{size}").patients
    slices = dict(zip(table["patient"], table["slices"], strict=True))
    return [
        held_out(place / recipe / f"segmenter-{tag}", place / other / f"classifier-{tag}" if other else None, slices)
        for tag in tags
    ]


@click.command()
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--segmenter", "recipe", required=True, help="Recipe of the segmenters.")
@click.option("--classifier", "other", help="Recipe of the classifiers; without it the mask's peak stands for them.")
@click.option("--tests", default=",".join(map(str, range(FOLDS))), help="Tags of the folds, e.g. 1-without-0.")
@click.option("--fixed", is_flag=True, help="Choose nothing: 0.5 for both thresholds, no temperatures, no processing.")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(source: Path, recipe: str, other: str | None, tests: str, fixed: bool, place: Path) -> None:
    """Score the out-of-fold predictions of RECIPE."""
    params = load()
    folds = folds_of(source, recipe, other, tests.split(","), place)
    chosen_by = {"sensitivity": params.assemble.sensitivity, "refer": params.assemble.refer}
    on, off, said, records = [], [], [], []
    with open_source(source) as scans:
        for number, fold in enumerate(folds):
            others = [one for one in folds if one is not fold] or [fold]
            records.append(NOTHING_CHOSEN if fixed else choose(OutOfFold(others, scans), **chosen_by))
            for gated, alone, of_slices in scored(fold, records[-1], scans):
                on.append({"fold": number, **gated})
                off.append({"fold": number, **alone})
                said.append({"fold": number, **of_slices})
        final = NOTHING_CHOSEN if fixed else choose(OutOfFold(folds, scans), **chosen_by)
    patients = pd.DataFrame(off).merge(pd.DataFrame(on), on=["fold", "patient", "site"], suffixes=("", "_gated"))
    name = f"{recipe}{f'+{other}' if other else ''}"
    with atomic_file(place / f"{name}.csv") as part:
        patients.to_csv(part, index=False)
    write_json(place / f"{name}.choices.json", final)
    print(json.dumps(summary(on, off, said, records, final), indent=2))


def summary(on: list[dict], off: list[dict], said: list[dict], records: list[dict], final: dict) -> dict[str, Any]:
    """The cross-validation in numbers: all patients, the classifier over all slices, and what each fold chose."""
    labels, probability = (np.concatenate([one[key] for one in said]) for key in ("labels", "probability"))
    passed = np.concatenate([one["passed"] for one in said])
    by_fold = [pd.DataFrame(off).query("fold == @number")["volume_dice"].mean() for number in range(len(records))]
    return {
        "segmenter": summarise_patients(off),
        "layered": summarise_patients(on),
        "volume_dice_by_fold": by_fold,
        "classifier": {
            **classifier_scores(labels, probability, final["tumor_threshold"]),
            "sensitivity_of_folds": float(passed[labels].mean()),
            "specificity_of_folds": float((~passed[~labels]).mean()),
        },
        "chosen_by_fold": [
            {key: one[key] for key in ("tumor_threshold", "mask_threshold", "processing")} for one in records
        ],
    }


if __name__ == "__main__":
    main()
