"""Synthetic patients: deterministic stand-ins for real scans, to learn the tool and to test it.

The files follow the LGG MRI Segmentation data (kaggle_3m): one folder per patient, one tif per slice with the channels
pre-contrast, FLAIR, post-contrast, and a 0/255 mask beside it. A head is a stack of ellipses (scalp, skull, brain,
ventricles); a tumour is an ellipsoid with an irregular border, bright in FLAIR, dark in pre-contrast. They resemble
brains enough to exercise every step, and prove nothing about real ones.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from components.common.bars import bar
from components.common.files import atomic_folder

MARKER = "SYNTHETIC"  # an empty file of this name marks a folder of synthetic patients
SITES = ("AA", "BB", "CC")
NO_PRE_EVERY, NO_POST_EVERY = 9, 7  # every ninth patient lacks pre-contrast, every seventh post-contrast


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> np.ndarray:
    """Smooth random field of the given shape, zero mean, unit variance; `cell` is the size of a blob in pixels."""
    from scipy.ndimage import zoom  # slow, and other sources need none of it

    coarse = rng.standard_normal([max(2, int(np.ceil(n / cell))) + 1 for n in shape])
    fine = zoom(
        coarse, [n / c for n, c in zip(shape, coarse.shape, strict=True)], order=1, grid_mode=True, mode="nearest"
    )
    return (fine - fine.mean()) / (fine.std() + 1e-6)


def patient_volume(
    rng: np.random.Generator, slices: int, size: int, missing: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make one synthetic patient.

    Args:
        rng: source of randomness; the same state gives the same patient.
        slices: number of slices.
        size: height and width of the slices, pixels.
        missing: "pre" or "post", a sequence that a copy of FLAIR replaces; None if both exist.

    Returns:
        image, uint8 [slices, size, size, 3] in 0..255, and mask, bool [slices, size, size].
    """
    from scipy.ndimage import gaussian_filter

    z, y, x = np.meshgrid(
        np.linspace(-1, 1, slices), np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij", sparse=True
    )
    y, x = y - rng.uniform(-0.06, 0.06), x - rng.uniform(-0.06, 0.06)
    width, length = rng.uniform(0.58, 0.68), rng.uniform(0.74, 0.86)
    girth = np.sqrt(np.clip(1.05 - np.abs(z) ** 2.6, 0.02, None))
    wobble = 0.03 * smooth_noise(rng, (slices, size, size), size / 4)
    radius = np.sqrt((x / (width * girth)) ** 2 + (y / (length * girth)) ** 2) + wobble

    def ellipsoid(cz: float, cy: float, cx: float, rz: float, ry: float, rx: float) -> np.ndarray:
        return ((z - cz) / rz) ** 2 + ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2

    brain, skull, scalp = radius < 0.84, (radius >= 0.84) & (radius < 0.90), (radius >= 0.90) & (radius < 1.0)
    folds = smooth_noise(rng, (slices, size, size), size / 26)
    cortex = brain & (radius + 0.05 * folds > 0.70)
    white = brain & ~cortex & (folds > -0.4)
    ventricles = np.zeros_like(brain)
    for side in (-1, 1):
        ventricles |= ellipsoid(0.05, rng.uniform(-0.06, 0.02), side * 0.075, 0.35, 0.22, 0.045) + 0.25 * folds < 1
    ventricles &= brain

    depth = rng.uniform(0.28, 0.42)  # half of the tumour's extent along the slices: it covers about a third of them
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.30, 0.55)
    centre = rng.uniform(-0.25, 0.30), away * length * np.sin(angle), away * width * np.cos(angle)
    blob = ellipsoid(*centre, depth, rng.uniform(0.16, 0.32), rng.uniform(0.16, 0.32))
    blob = blob + 0.35 * smooth_noise(rng, (slices, size, size), size / 12)
    tumor = (blob < 1) & brain & ~ventricles
    core = (blob < 0.35) & tumor

    #              background scalp skull grey white fluid tumour core
    levels = {
        "pre": (0.02, 0.62, 0.10, 0.34, 0.42, 0.14, 0.29, 0.22),
        "flair": (0.02, 0.55, 0.08, 0.38, 0.33, 0.07, rng.uniform(0.52, 0.66), rng.uniform(0.42, 0.58)),
        "post": (0.02, 0.64, 0.10, 0.36, 0.43, 0.14, 0.33, rng.uniform(0.30, 0.60)),
    }
    tissues = (scalp, skull, cortex | brain, white, ventricles, tumor, core)
    bias = np.exp(0.10 * smooth_noise(rng, (slices, size, size), size / 2))
    gain = rng.uniform(0.80, 1.15)
    channels = []
    for level in levels.values():
        picture = np.full(brain.shape, level[0], np.float32)
        for tissue, value in zip(tissues, level[1:], strict=True):
            picture[tissue] = value
        picture = gaussian_filter(picture, (0, size / 250, size / 250)) * bias * gain
        picture = np.hypot(picture + 0.022 * rng.standard_normal(picture.shape), 0.012)  # magnitude noise is Rician
        channels.append(np.clip(picture * 255, 0, 255).astype(np.uint8))
    pre, flair, post = channels
    if missing == "pre":
        pre = flair
    elif missing == "post":
        post = flair
    return np.stack([pre, flair, post], axis=-1), tumor


def write_demo(folder: str | Path, *, patients: int, slices: int, size: int, seed: int) -> None:
    """Write synthetic patients, one folder each, and the marker `SYNTHETIC`.

    Args:
        folder: output folder; replaced as a whole, or unchanged if anything fails.
        patients: number of patients.
        slices: mean number of slices per patient; each has up to two more or fewer.
        size: height and width of the slices, pixels.
        seed: seed of the random numbers.
    """
    with atomic_folder(folder) as part, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        (part / MARKER).touch()
        # Threads suffice: NumPy and SciPy release Python's lock while they work.
        write = partial(_write_patient, part, slices=slices, size=size, seed=seed)
        for _ in bar(pool.map(write, range(patients)), desc="demo", unit="patient", total=patients):
            pass


def _write_patient(folder: Path, number: int, *, slices: int, size: int, seed: int) -> None:
    rng = np.random.default_rng([seed, number])
    missing = "pre" if number % NO_PRE_EVERY == 3 else "post" if number % NO_POST_EVERY == 5 else None
    count = slices + int(rng.integers(-2, 3))
    image, mask = patient_volume(rng, count, size, missing)
    name = f"DEMO_{SITES[number % len(SITES)]}_{1000 + number}_20200101"
    (folder / name).mkdir()
    for i in range(count):
        Image.fromarray(image[i]).save(folder / name / f"{name}_{i + 1}.tif")
        Image.fromarray(mask[i].astype(np.uint8) * 255).save(folder / name / f"{name}_{i + 1}_mask.tif")
