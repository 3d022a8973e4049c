"""The slices of a scan as both networks see them, resampled once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from components.layered.grid import to_grid
from components.scans.scan import neighborhood, stack_neighbors

CHUNK = 4  # slices that a thread resamples before it takes others


class Grids:
    """Slices on the networks' grids, each resampled once for both; with a second view, their mirror images, too.

    Args:
        images: uint8 [slices, height, width, channels].
        stacked: whether neighbours lie along the channels already; else they are the slices before and after.
        sizes: side lengths of the networks' grids, pixels.
        mirror: whether the left-right mirror image of every slice is a second view.
        pool: threads that share the work.
    """

    def __init__(
        self, images: np.ndarray, stacked: bool, sizes: set[int], mirror: bool, pool: ThreadPoolExecutor
    ) -> None:
        self.stacked, self.views = stacked, 2 if mirror else 1
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]

        def resampled(size: int) -> list[np.ndarray]:
            parts = pool.map(lambda some: to_grid(some, size, self.views), chunks)
            return [np.concatenate(view) for view in zip(*parts, strict=True)]

        self.grids = {size: resampled(size) for size in sizes}

    def of(self, size: int, channels: int, at: np.ndarray) -> np.ndarray:
        """Return some slices on a grid, uint8 [views x len(at), size, size, channels]; the mirrored ones come last.

        Args:
            size: side length of the grid, one of `sizes`.
            channels: 3, or more for a network that sees neighbours.
            at: indices of the slices.
        """
        return np.concatenate([self._view(view, channels, at) for view in self.grids[size]])

    def _view(self, grid: np.ndarray, channels: int, at: np.ndarray) -> np.ndarray:
        if self.stacked:
            beside = (grid.shape[-1] - channels) // 2  # a network that sees fewer neighbours takes the middle
            return grid[at][..., beside : beside + channels]
        return stack_neighbors(grid[neighborhood(len(grid), (channels // 3 - 1) // 2)[at]])
