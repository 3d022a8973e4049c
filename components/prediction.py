"""What the layered model says about a scan: thresholds, 3-D processing, doubt, as evaluation and prediction take it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.errors import UserError
from components.evaluation.components3d import keep_components
from components.evaluation.doubt import expected_dice
from components.files import plain_path, read_json
from components.layout import LAYERED, REGISTERED, SERVING
from components.scans.scan import Scan

Stages = Callable[[np.ndarray], dict[str, Any]]
# What of layered.json a decision needs.
CHOICES = ("neighbors", "tumor_threshold", "mask_threshold", "processing")
COPY_AGAIN = "copy it again, or run `dvc checkout`"


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


@dataclass(frozen=True)
class Prediction:
    """A decision about a scan.

    Attributes:
        tumor_probability: float [slices].
        has_tumor: bool [slices], what stage 1 lets through.
        mask: bool [slices, height, width], the result: stage 2 where stage 1 said yes, after 3-D processing.
        unprocessed: the same before 3-D processing.
        ungated: what stage 2 alone would draw, after 3-D processing.
        doubt: of the patient, 0..1: 1 - the Dice that the mask is expected to have, by the mean of both views.
        slice_doubt: float [slices], 0..1: the entropy of stage 1 in bits, or 1 - the slice's expected Dice, where more.
    """

    tumor_probability: np.ndarray
    has_tumor: np.ndarray
    mask: np.ndarray
    unprocessed: np.ndarray
    ungated: np.ndarray
    doubt: float
    slice_doubt: np.ndarray


def views(stages: Stages, maps: Stages | None, scan: Scan, neighbors: int) -> Views:
    """Run both stages on a scan, and the second one on its mirror image.

    Args:
        stages: gives `tumor_probability` and `mask_probability` of slices.
        maps: gives `mask_probability` alone; None where `stages` looks at the mirror image itself.
    """
    probability, drawn, mirrored = [], [], []
    for batch in scan.batches(neighbors=neighbors):
        seen = stages(batch)
        probability.append(np.asarray(seen["tumor_probability"]))
        drawn.append(np.asarray(seen["mask_probability"]))
        if maps is not None:
            mirrored.append(np.asarray(maps(batch[:, :, ::-1])["mask_probability"])[:, :, ::-1])
    return Views(np.concatenate(probability), np.concatenate(drawn), np.concatenate(mirrored) if mirrored else None)


def unprocessed(seen: Views, record: dict[str, Any]) -> np.ndarray:
    """Stage 2 where stage 1 said yes, before 3-D processing: bool [slices, height, width]."""
    has_tumor = seen.tumor_probability >= record["tumor_threshold"]
    return (seen.mask_probability >= record["mask_threshold"]) & has_tumor[:, None, None]


def doubt(seen: Views, spacing: tuple[float, float, float], record: dict[str, Any]) -> float:
    """`Prediction.doubt` alone."""
    return 1 - expected_dice(seen.mean, keep_components(unprocessed(seen, record), spacing, **record["processing"]))


def decide(seen: Views, spacing: tuple[float, float, float], record: dict[str, Any]) -> Prediction:
    """Apply the thresholds and the processing that layered.json holds."""
    has_tumor = seen.tumor_probability >= record["tumor_threshold"]
    drawn = seen.mask_probability >= record["mask_threshold"]
    gated = unprocessed(seen, record)
    mask = keep_components(gated, spacing, **record["processing"])
    same = np.array_equal(drawn, gated)  # where stage 1 takes nothing away, nothing is processed twice
    mean = seen.mean
    p = np.clip(seen.tumor_probability.astype(float), 1e-12, 1 - 1e-12)
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    of_mask = [1 - expected_dice(m, d) if d.any() else 0.0 for m, d in zip(mean, mask, strict=True)]
    return Prediction(
        seen.tumor_probability,
        has_tumor,
        mask,
        gated,
        mask if same else keep_components(drawn, spacing, **record["processing"]),
        1 - expected_dice(mean, mask),
        np.maximum(entropy, of_mask),
    )


def saved_model(folder: str | Path) -> Path:
    """The SavedModel in a folder that assemble wrote, in one that the registry holds, or the folder itself."""
    inside = (Path(folder) / name for name in (SERVING, REGISTERED))
    return next((place for place in inside if place.is_dir()), Path(folder))


def read_record(folder: str | Path) -> dict[str, Any]:
    """The choices that were made for a layered model; raises UserError where the folder lacks one of `CHOICES`."""
    try:
        record = read_json(saved_model(folder) / LAYERED)
    except (UserError, OSError) as error:
        raise UserError(
            f"{folder}: no layered model there; give a folder that assemble wrote, e.g. artifacts/layered, or one of "
            "the registry"
        ) from error
    except ValueError as error:
        raise UserError(f"{folder}: {LAYERED} is damaged; {COPY_AGAIN}") from error
    lacking = [name for name in CHOICES if name not in record]
    if lacking:
        raise UserError(f"{folder}: {LAYERED} lacks {', '.join(lacking)}; assemble the model again with this version")
    return record


def digest(folder: str | Path) -> str:
    """SHA-256 over a layered model: its weights and its choices. Raises UserError where there is none."""
    read_record(folder)
    sha = hashlib.sha256()
    for path in sorted([saved_model(folder) / LAYERED, *(saved_model(folder) / "variables").glob("*")]):
        sha.update(path.read_bytes())
    return sha.hexdigest()


class Predictor:
    """A layered model from its folder.

    Raises:
        UserError: there is none.
    """

    def __init__(self, folder: str | Path) -> None:
        import tensorflow as tf

        self.record = read_record(folder)
        try:
            self.model = tf.saved_model.load(plain_path(saved_model(folder)))
            self.stages, self.serve = (self._runs(name) for name in ("stages", "serving_default"))
            # Models of versions before this signature say more than is asked for.
            maps = "maps" if "maps" in self.model.signatures else "stages"
            self.maps = None if self.record.get("mirror") else self._runs(maps)
        except Exception as error:  # every kind of damage has its own, from IndexError to TensorFlow's
            raise UserError(f"{folder}: damaged model; {COPY_AGAIN}") from error

    def _runs(self, name: str) -> Stages:
        """A signature as a function of slices, uint8 [batch, height, width, channels]."""
        import tensorflow as tf

        signature = self.model.signatures[name]
        return lambda slices: {output: value.numpy() for output, value in signature(slices=tf.constant(slices)).items()}

    def __call__(self, scan: Scan) -> tuple[Views, Prediction]:
        """Look at a scan and decide."""
        seen = views(self.stages, self.maps, scan, self.record["neighbors"])
        return seen, decide(seen, scan.spacing, self.record)
