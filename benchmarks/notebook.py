"""How courses and notebooks feed such networks: what `benchmarks/training.py` compares with.

One slice after the other is read with scikit-image, made float64, standardised, and handed to `fit` by a Python
generator. Rewritten from what such notebooks have in common; nothing in it is slow on purpose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from skimage import io


def standardised(picture: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance, float64."""
    picture = np.array(picture, dtype=np.float64)
    picture -= picture.mean()
    deviation = picture.std()
    return picture / deviation if deviation else picture


class NotebookBatches(keras.utils.PyDataset):
    """Batches as a notebook's generator gives them.

    Args:
        files: pictures; each one's mask lies beside it as `<name>_mask.tif`.
        batch: slices a batch.
        with_masks: give masks; else whether there is tumour.
    """

    def __init__(self, files: list[Path], batch: int, *, with_masks: bool) -> None:
        super().__init__()
        self.files, self.batch, self.with_masks = files, batch, with_masks

    def __len__(self) -> int:
        return len(self.files) // self.batch

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        images, targets = [], []
        for file in self.files[number * self.batch : (number + 1) * self.batch]:
            images.append(standardised(io.imread(file)))
            mask = np.array(io.imread(file.with_name(f"{file.stem}_mask.tif")), dtype=np.float64) > 0
            targets.append(mask.astype(np.float64)[..., None] if self.with_masks else [float(mask.any())])
        return np.array(images), np.array(targets)
