"""Stage demo: write the synthetic patients."""

from __future__ import annotations

from components.common.params import Params
from components.sources.demo import write_demo
from pipelines.paths import DEMO


def run(params: Params) -> None:
    """Write the synthetic patients."""
    group = params.demo
    write_demo(DEMO, patients=group.patients, slices=group.slices, size=group.size, seed=params.seed)
