"""Assemble: two trained networks and thresholds chosen on validation patients become one layered SavedModel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from components import scoring
from components.errors import UserError
from components.files import atomic_folder, write_json
from components.layout import LAYERED, SERVING
from components.scans.files import read_scan
from components.tables import read_splits
from models.layered import Layered
from models.storage import load_network

MASK_THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


def tumor_threshold(labels: np.ndarray, probabilities: np.ndarray, sensitivity: float) -> float:
    """Highest probability threshold at which at least `sensitivity` of the tumour slices are found.

    It lies halfway to the next lower probability, so that rounding in another runtime does not flip a slice.
    """
    positives = np.sort(probabilities[np.asarray(labels, bool)])
    lost = int(np.floor((1 - sensitivity) * len(positives) + 1e-9))
    lowest_found = positives[lost]
    below = probabilities[probabilities < lowest_found]
    return float((lowest_found + (below.max() if len(below) else 0.0)) / 2)


def assemble(
    classifier: str | Path,
    segmenter: str | Path,
    scans: str | Path,
    splits: str | Path,
    layered: str | Path,
    *,
    sensitivity: float,
) -> dict[str, float]:
    """Choose both thresholds on the validation patients and write the layered model.

    The mask's threshold is the one of `MASK_THRESHOLDS` with the best mean volume Dice.

    Args:
        classifier, segmenter: folders that the trainings wrote (network.json, network.weights.h5).
        layered: folder to write: Format-Serving/ (SavedModel) and layered.json (the thresholds and their evidence).

    Returns:
        What layered.json says.
    """
    model = Layered(load_network(classifier), load_network(segmenter))
    patients = read_splits(splits).query("split == 'val'")
    labels, probabilities = [], []
    dice: dict[str, np.ndarray] = {}
    for name in tqdm(patients["patient"], desc="assemble", unit="patient"):
        scan = read_scan(scans, name)
        assert scan.mask is not None
        outputs = [model.stages(batch) for batch in scan.batches(neighbors=model.neighbors)]
        probabilities.append(np.concatenate([output["tumor_probability"] for output in outputs]))
        labels.append(scan.mask.any(axis=(1, 2)))
        maps = np.concatenate([output["mask_probability"] for output in outputs])
        if scan.mask.any():
            dice[name] = np.array([scoring.dice(scan.mask, maps >= t) for t in MASK_THRESHOLDS])
    if not dice:
        raise UserError(f"{splits}: no validation patient has a tumour, so no threshold can be chosen; raise split.val")
    found = pd.DataFrame(dice, index=MASK_THRESHOLDS).mean(axis=1)
    record = {
        "neighbors": model.neighbors,
        "tumor_threshold": tumor_threshold(np.concatenate(labels), np.concatenate(probabilities), sensitivity),
        "validation_sensitivity": sensitivity,
        "mask_threshold": float(found.idxmax()),
        "validation_volume_dice_mean": float(found.max()),
    }
    model.tumor_threshold.assign(record["tumor_threshold"])
    model.mask_threshold.assign(record["mask_threshold"])
    with atomic_folder(layered) as part:
        model.save(part / SERVING)
        write_json(part / LAYERED, record)
    return record
