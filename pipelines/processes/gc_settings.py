"""Spend little on Python's garbage collector.

TFX, Beam and TensorFlow make millions of objects on import, which live as long as the process. By default Python walks
them again and again while they are made, and once more as it ends: 5 of the 14 CPU seconds of a process that imports
TFX and does nothing.
"""

from __future__ import annotations

import atexit
import gc

ALLOCATIONS = 100_000  # net new containers until the youngest are looked through; Python's own choice is 700
YOUNGER = (20, 100)  # collections of one generation until the next older one has its turn; Python's are 10, 10


def collect_seldom() -> None:
    """Collect less often from now on, and don't collect what lives until the process ends."""
    gc.set_threshold(ALLOCATIONS, *YOUNGER)
    atexit.register(gc.freeze)
