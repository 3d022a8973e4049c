"""What the networks of a cross-validation predicted for patients they had not seen, read from `train.py`'s files."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from pack import packed
from train import recipe_params

from components.layered.views import Views
from components.metrics.pixel_calibration import PixelCalibration
from components.metrics.temperature import apply_temperature
from components.scans.scan import Scan
from components.sources import Source
from models.networks import preprocessing


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a fold's networks predicted for the patients that they had not seen, on their own grids.

    Attributes:
        patients: names, in order.
        ends: where each patient's slices end, int [patients].
        probability: float32 [slices], the mean of both views.
        masks, mirrored: float16 [slices, size, size, 1].
    """

    patients: list[str]
    ends: np.ndarray
    probability: np.ndarray
    masks: np.ndarray
    mirrored: np.ndarray

    @functools.cache  # noqa: B019 - a run has one set of folds, and asks for every patient a dozen times
    def of(self, patient: str, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of a patient's slices, and of their pixels by both views, on slices of `side` pixels."""
        at = self.patients.index(patient)
        slices = slice(self.ends[at - 1] if at else 0, self.ends[at])
        maps = (
            np.asarray(preprocessing.from_grid(part[slices], side, side))[..., 0]
            for part in (self.masks, self.mirrored)
        )
        return self.probability[slices].astype(np.float32), (sum(maps) / 2).astype(np.float16)


class OutOfFold:
    """The held-out patients of some folds, or `only` some of them, as `assemble.choose` takes validation patients."""

    def __init__(self, folds: list[HeldOut], scans: Source, only: set[str] | None = None) -> None:
        self.where = {patient: fold for fold in folds for patient in fold.patients if only is None or patient in only}
        self.scans, self.pixels = scans, PixelCalibration()
        labels, outputs = [], []
        for _, scan, seen in self.patients(1.0, 1.0):
            assert scan.mask is not None
            self.pixels += PixelCalibration.of(seen.mask_probability, scan.mask)
            labels.append(scan.mask.any(axis=(1, 2)))
            outputs.append(seen.tumor_probability)
        self.counts = np.array([len(one) for one in labels])
        self.labels, self.probabilities = np.concatenate(labels), np.concatenate(outputs)

    def patients(self, tumor_temperature: float, mask_temperature: float) -> Iterator[tuple[str, Scan, Views]]:
        """Yield each patient with its calibrated views."""
        for patient, fold in self.where.items():
            scan = self._scan(patient)
            probability, masks = fold.of(patient, scan.image.shape[1])
            masks = apply_temperature(masks, mask_temperature)
            # The outputs are already the mean of both views, so both views are the same.
            yield patient, scan, Views(apply_temperature(probability, tumor_temperature), masks, masks)

    @functools.cache  # noqa: B019
    def _scan(self, patient: str) -> Scan:
        scan = self.scans.read(patient).scan
        assert scan is not None
        return scan


def temperatures(record: dict[str, Any]) -> tuple[float, float]:
    """Of both stages, as `assemble.choose` wrote them."""
    return record["tumor_temperature"], record["mask_temperature"]


def held_out(segmenter: Path, classifier: Path | None, slices: dict[str, int], file: str = "held_out.npz") -> HeldOut:
    """Read a fold; without a classifier, its probability is the largest of the mask's."""
    with np.load(segmenter / file, allow_pickle=False) as masks:
        patients, seen, mirrored = masks["patients"].tolist(), masks["seen"], masks["mirrored"]
    if classifier is None:
        probability = ((seen.astype(np.float32) + mirrored) / 2).max(axis=(1, 2, 3))
    else:
        with np.load(classifier / "held_out.npz", allow_pickle=False) as outputs:
            if outputs["patients"].tolist() != patients:
                raise click.ClickException(f"{classifier}: other patients than {segmenter}; train both anew")
            probability = (outputs["seen"][:, 0].astype(np.float32) + outputs["mirrored"][:, 0]) / 2
    return HeldOut(patients, np.cumsum([slices[patient] for patient in patients]), probability, seen, mirrored)


def folds_of(source: Path, recipe: str, other: str | None, tags: list[str], place: Path) -> list[HeldOut]:
    """What the networks of some folds predicted: segmenters of `recipe`, classifiers of `other`."""
    size, seed = recipe_params(recipe).segmenter.image_size, recipe_params(recipe).seed
    table = packed(source, size, seed, place).patients
    slices = dict(zip(table["patient"], table["slices"], strict=True))
    return [
        held_out(place / recipe / f"segmenter-{tag}", place / other / f"classifier-{tag}" if other else None, slices)
        for tag in tags
    ]
