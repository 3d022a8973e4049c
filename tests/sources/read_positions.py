"""Read one-patient folders of the phantom, for tests of positions in headers."""

from __future__ import annotations

import numpy as np

from components.sources import open_source
from components.sources.reading import Options

OPTIONS = Options(size=64, spacing=4.0)


def read(folder):
    """Read the only patient of a folder."""
    with open_source(folder) as source:
        (patient,) = source.patients
        return source.read(patient, OPTIONS)


LPS = np.diag([-1.0, -1, 1, 1])
