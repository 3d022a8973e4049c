"""Write the outputs of a layered model for a project's first scan, in the stack that runs this.

    python layered_outputs.py MODEL OUT.npz           MODEL as for `glioflow predict`
    python layered_outputs.py MODEL OUT.npz --served  also those of `glioflow serve`

The working folder is that of the project.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from serve_client import serving

from components.layered.predictor import Predictor
from components.registry.resolve import model_folder
from components.scans.scan_files import read_scan
from pipelines.processes import quiet


def main(model: str, out: str, *options: str) -> None:
    """Write the outputs of both signatures, and with `--served` those of the server, as arrays by name."""
    quiet.silence()
    first = min(path.name for path in Path("data/scans").glob("*_mask.nii.gz")).removesuffix("_mask.nii.gz")
    slices = read_scan("data/scans", first).image
    predictor = Predictor(model_folder(model), "tensorflow")
    outputs = {f"stages.{name}": array for name, array in predictor.stages(slices).items()}
    outputs |= {f"served.{name}": array for name, array in predictor.serve(slices).items()}
    if "--served" in options:
        with serving(model, Path("server.log")) as server:
            status, answer = server.predict(slices.tolist())
        assert status == 200, answer
        rows = answer["predictions"]
        outputs |= {f"server.{name}": np.array([row[name] for row in rows]) for name in rows[0]}
    np.savez(out, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
