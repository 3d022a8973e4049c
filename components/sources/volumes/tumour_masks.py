"""Can a mask outline a tumour? Judged by the head and the brightness of FLAIR under it."""

from __future__ import annotations

from itertools import product

import numpy as np

from components.sources.reading import Reading
from components.sources.volumes import head
from components.sources.volumes.position import COPY_HEADER

# Mean of FLAIR under a mask, in standard deviations of the head above its mean. Under a glioma's mask FLAIR is bright,
# and brighter than under the mirrored mask; ventricles and cavities are dark.
BRIGHT, BRIGHTER, DARK = 1.5, 1.0, -0.75
LARGE = 0.2  # fraction of the head; hardly any tumour takes more


def can_be_a_tumour(
    truth: np.ndarray, flair: np.ndarray, where: str, reading: Reading, largest: float = head.LARGEST_TUMOUR
) -> bool:
    """Compare a mask with FLAIR; records why it can't be a tumour's, and what makes it doubtful.

    Args:
        truth: mask, bool [slices, height, width].
        flair: FLAIR, uint8 of the same shape.
        where: name of the patient.
        reading: reading that records problems.
        largest: fraction of the head that no tumour takes.
    """
    if not truth.any():
        return True
    inside = head.head_mask(flair)
    covered = (truth & inside).sum() / max(1, inside.sum())
    if covered > largest:
        remedy = "give the tumour's mask, not one of the brain or of its tissues"
        reading.add("mask_values", where, f"its mask covers {covered:.0%} of the head", remedy)
        return False
    beside = (truth & ~inside).sum() / truth.sum()
    if beside > 0.5:
        reading.add("position", where, f"{beside:.0%} of its mask lies outside the head", COPY_HEADER)
        return False
    if doubt := _doubt(truth, flair, inside):
        reading.add("choice", where, f"its mask {doubt}", "check that it outlines the tumour of this patient")
    return True


def _doubt(truth: np.ndarray, flair: np.ndarray, inside: np.ndarray) -> str | None:
    """What makes it doubtful that a mask outlines a tumour on FLAIR, in words; None if nothing does.

    Args:
        truth: mask, bool [slices, height, width].
        flair: FLAIR, uint8 of the same shape.
        inside: head, bool of the same shape.
    """
    if (covered := (truth & inside).sum() / max(1, inside.sum())) > LARGE:
        return f"covers {covered:.0%} of the head, more than nearly all tumours"
    values = flair[inside].astype(np.float32)
    mean, spread = float(values.mean()), float(values.std())
    if not spread:
        return None

    def height(mask: np.ndarray) -> float:
        return (float(flair[mask].mean()) - mean) / spread

    own = height(truth)
    for flips in product((False, True), repeat=3):
        mirrored = np.flip(truth, [axis for axis, flip in enumerate(flips) if flip])
        if (mirrored & inside).sum() > 0.9 * truth.sum() and height(mirrored) > max(BRIGHT, own + BRIGHTER):
            return "would lie on far brighter tissue of FLAIR if it were mirrored"
    return "lies where FLAIR is dark, as ventricles and cavities are" if own < DARK else None
