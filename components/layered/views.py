"""Both stages of the layered model on every slice of a scan, before any decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.scans.scan import Scan

Stages = Callable[[np.ndarray], dict[str, Any]]


@dataclass(frozen=True)
class Views:
    """The calibrated outputs of both stages for every slice of a scan, before any decision.

    Attributes:
        tumor_probability: float [slices], 0..1.
        mask_probability: float [slices, height, width], 0..1.
        mirrored: the same for the left-right mirror image, flipped back; None if `mask_probability` is already the mean
            of both views.
    """

    tumor_probability: np.ndarray
    mask_probability: np.ndarray
    mirrored: np.ndarray | None = None

    @property
    def mean(self) -> np.ndarray:
        """Mean probability of every pixel over both views, from which doubt is computed."""
        return self.mask_probability if self.mirrored is None else (self.mask_probability + self.mirrored) / 2


def views(stages: Stages, maps: Stages | None, scan: Scan, neighbors: int) -> Views:
    """Run both stages on a scan, and stage 2 on its mirror image.

    Args:
        stages: function that gives `tumor_probability` and `mask_probability` of slices.
        maps: function that gives `mask_probability` alone; None if `stages` already sees the mirror image.
        scan: scan of the patient.
        neighbors: number of slices on either side that the functions get along the channels.

    Raises:
        ModelFailedError: the model fails on a slice.
    """
    probability, masks, mirrored = [], [], []
    for batch in scan.batches(neighbors=neighbors):
        predicted = stages(batch)
        probability.append(np.asarray(predicted["tumor_probability"]))
        masks.append(np.asarray(predicted["mask_probability"]))
        if maps is not None:
            mirrored.append(np.asarray(maps(batch[:, :, ::-1])["mask_probability"])[:, :, ::-1])
    return Views(np.concatenate(probability), np.concatenate(masks), np.concatenate(mirrored) if mirrored else None)
