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
    """What both stages say about every slice of a scan, calibrated, before any decision.

    Attributes:
        tumor_probability: float [slices], 0..1.
        mask_probability: float [slices, height, width], 0..1.
        mirrored: the same of the mirror image (left and right), turned back; None where `mask_probability` is the mean
            of both looks already.
    """

    tumor_probability: np.ndarray
    mask_probability: np.ndarray
    mirrored: np.ndarray | None = None

    @property
    def mean(self) -> np.ndarray:
        """What both looks say about every pixel, on average; what doubt is measured by."""
        return self.mask_probability if self.mirrored is None else (self.mask_probability + self.mirrored) / 2


def views(stages: Stages, maps: Stages | None, scan: Scan, neighbors: int) -> Views:
    """Run both stages on a scan, and the second one on its mirror image.

    Args:
        stages: gives `tumor_probability` and `mask_probability` of slices.
        maps: gives `mask_probability` alone; None where `stages` looks at the mirror image itself.
    """
    probability, masks, mirrored = [], [], []
    for batch in scan.batches(neighbors=neighbors):
        predicted = stages(batch)
        probability.append(np.asarray(predicted["tumor_probability"]))
        masks.append(np.asarray(predicted["mask_probability"]))
        if maps is not None:
            mirrored.append(np.asarray(maps(batch[:, :, ::-1])["mask_probability"])[:, :, ::-1])
    return Views(np.concatenate(probability), np.concatenate(masks), np.concatenate(mirrored) if mirrored else None)
