"""Progress of a prediction: slices per second and time left, on one line of a terminal, or one log line per patient."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

from components.common.bars import bar


class Throughput:
    """Shows progress on standard error, without patients' names.

    Args:
        patients: number of patients to predict.
    """

    def __init__(self, patients: int) -> None:
        self.patients, self.done, self.slices, self.start = patients, 0, 0, time.monotonic()
        self.bar: tqdm[Any] | None = None

    def __enter__(self) -> Throughput:
        """Begin; the clock starts here."""
        self.start = time.monotonic()
        if sys.stderr.isatty() and self.patients:
            self.bar = bar(desc="predict", total=self.patients, unit="patient")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the terminal's line as it is."""
        if self.bar is not None:
            self.bar.close()

    def patient(self, slices: int) -> None:
        """Count a patient whose scan has this many slices, 0 if it could not be read."""
        self.done, self.slices = self.done + 1, self.slices + slices
        passed = max(time.monotonic() - self.start, 1e-9)
        rate = f"{self.slices / passed:.1f} slices/s"
        if self.bar is not None:
            self.bar.set_postfix_str(rate, refresh=False)
            self.bar.update()
            return
        left = tqdm.format_interval(passed / self.done * (self.patients - self.done))
        words = f"predict: patient {self.done} of {self.patients}, {slices} slices; {rate}, {left} left"
        print(words, file=sys.stderr, flush=True)
