"""A layered model run by LiteRT: no TensorFlow, a start in a tenth of a second, all processors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from components.common.errors import UserError
from components.common.held_stderr import filtered_stderr
from components.layered.decision import threshold_before_calibration
from components.layered.engine import Engine, ModelFailedError
from components.layered.grid import from_grid
from components.layered.grids import Grids
from components.layered.litert_files import read_litert
from components.layered.litert_network import Network
from components.layered.record import COPY_AGAIN
from components.layered.smoothing import stage1
from components.metrics.temperature import apply_temperature
from components.scans.scan import Scan

XNNPACK_NOTICE = re.compile(rb"INFO: Created TensorFlow Lite XNNPACK delegate")


class LiteRTEngine(Engine):
    """Runs the LiteRT files of a layered model.

    Args:
        folder: folder of the model.
        record: content of its layered.json.
        workers: number of threads that run slices side by side, each with interpreters of its own; by default one for
            each processor.
        threads: number of threads within each interpreter; `benchmarks/inference.py` compares.

    Raises:
        UserError: a file is missing or damaged, is not a network of the record, or has a newer format.
    """

    name = "litert"

    def __init__(
        self, folder: str | Path, record: dict[str, Any], workers: int | None = None, threads: int = 1
    ) -> None:
        self.record = record
        self.mirror, self.neighbors = bool(record.get("mirror")), record["neighbors"]
        self.pool = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)))
        try:
            files = read_litert(folder, record)
            networks = {name: Network(data, threads, name == "segmenter") for name, data in files.items()}
            with filtered_stderr(XNNPACK_NOTICE):
                list(self.pool.map(Network.prepared, networks.values()))
        except (ValueError, RuntimeError, TypeError) as error:  # nonsense, or an operation that this release lacks
            raise UserError(
                f"{folder}: LiteRT can't run these as its networks; {COPY_AGAIN}, or install a newer glioflow"
            ) from error
        self.classifier, self.segmenter = networks["classifier"], networks["segmenter"]
        if max(one.channels for one in networks.values()) != 3 * (2 * self.neighbors + 1):
            raise UserError(f"{folder}: its networks see other slices than layered.json says; {COPY_AGAIN}")
        self.sizes = {one.size for one in networks.values()}
        self.maps = None if self.mirror else self._maps

    def _grids(self, images: np.ndarray, stacked: bool = True) -> Grids:
        channels = 3 * (2 * self.neighbors + 1)
        if stacked and images.shape[-1] != channels:  # a network would take those in the middle
            raise ModelFailedError(f"{images.shape[-1]} channels instead of {channels}")
        return Grids(images, stacked, self.sizes, self.mirror, self.pool)

    def _run(
        self, network: Network, grids: Grids, at: np.ndarray, use: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Run a network on the slices `at`, in all threads.

        Yields:
            Indices of some slices, and what `use` makes of the network's output for them, the mean of both views.
        """

        def run(some: np.ndarray) -> np.ndarray:
            outputs = network(grids.of(network.size, network.channels, some))
            if grids.views == 2:
                straight, mirrored = np.split(outputs, 2)
                outputs = (straight + (mirrored[:, :, ::-1] if mirrored.ndim == 4 else mirrored)) / 2
            return use(outputs[..., 0])

        chunk_size = max(1, network.batch // grids.views)  # what a file takes at once, so that all threads end together
        chunks = [at[start : start + chunk_size] for start in range(0, len(at), chunk_size)]
        try:
            yield from zip(chunks, self.pool.map(run, chunks), strict=True)
        except (ValueError, RuntimeError) as error:
            raise ModelFailedError(type(error).__name__) from error

    def _tumors(self, grids: Grids, count: int) -> np.ndarray:
        """Calibrated probability of every slice, float32 [count]."""
        temperature = self.record.get("tumor_temperature", 1.0)
        outputs = [values for _, values in self._run(self.classifier, grids, np.arange(count), lambda values: values)]
        return apply_temperature(np.concatenate(outputs), temperature).astype(np.float32)

    def _calibrated_maps(self, grids: Grids, shape: tuple[int, ...]) -> np.ndarray:
        """Calibrated probability of every pixel, float32 [slices, height, width]."""
        temperature = self.record.get("mask_temperature", 1.0)

        def use(maps: np.ndarray) -> np.ndarray:
            return apply_temperature(from_grid(maps, *shape[1:3]), temperature).astype(np.float32)

        return np.concatenate([maps for _, maps in self._run(self.segmenter, grids, np.arange(shape[0]), use)])

    def _maps(self, slices: np.ndarray) -> dict[str, np.ndarray]:
        return {"mask_probability": self._calibrated_maps(self._grids(slices), slices.shape)}

    def stages(self, slices: np.ndarray) -> dict[str, np.ndarray]:
        """See `Engine.stages`."""
        grids = self._grids(slices)
        return {
            "tumor_probability": self._tumors(grids, len(slices)),
            "mask_probability": self._calibrated_maps(grids, slices.shape),
        }

    def serve(self, slices: np.ndarray) -> dict[str, np.ndarray]:
        """See `Engine.serve`."""
        grids = self._grids(slices)
        probability = self._tumors(grids, len(slices))
        return self._segment(grids, slices.shape, probability, probability >= self.record["tumor_threshold"])

    def detect(self, scan: Scan) -> dict[str, np.ndarray]:
        """See `Engine.detect`."""
        grids = self._grids(scan.image, stacked=False)
        return self._segment(grids, scan.image.shape, *stage1(self._tumors(grids, len(scan.image)), self.record))

    def _segment(
        self, grids: Grids, shape: tuple[int, ...], probability: np.ndarray, has_tumor: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Run stage 2 on the slices that pass stage 1."""
        threshold, mask = threshold_before_calibration(self.record, "mask"), np.zeros(shape[:3], np.uint8)

        def use(maps: np.ndarray) -> np.ndarray:
            return from_grid(maps, *shape[1:3]) >= threshold

        for at, pixels in self._run(self.segmenter, grids, np.flatnonzero(has_tumor), use):
            mask[at] = pixels
        return {"tumor_probability": probability, "has_tumor": has_tumor, "mask": mask}
