"""What a layered model says about a project's first scan, in the stack that runs this.

    python layered_outputs.py MODEL OUT.npz           MODEL as for `glioflow predict`
    python layered_outputs.py MODEL OUT.npz --served  by `glioflow serve` too

The working folder is the project's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from served import serving

from components.layered.predictor import Predictor
from components.registry.resolve import model_folder
from components.scans.scan_files import read_scan
from pipelines import quiet


def main(model: str, out: str, *options: str) -> None:
    """Write the outputs of both signatures, and with `--served` the server's, as arrays by name."""
    quiet.silence()
    first = min(path.name for path in Path("data/scans").glob("*_mask.nii.gz")).removesuffix("_mask.nii.gz")
    slices = read_scan("data/scans", first).image
    predictor = Predictor(model_folder(model), "tensorflow")
    said = {f"stages.{name}": array for name, array in predictor.stages(slices).items()}
    said |= {f"served.{name}": array for name, array in predictor.serve(slices).items()}
    if "--served" in options:
        with serving(model, Path("server.log")) as server:
            status, answer = server.predict(slices.tolist())
        assert status == 200, answer
        rows = answer["predictions"]
        said |= {f"server.{name}": np.array([row[name] for row in rows]) for name in rows[0]}
    np.savez(out, **said)


if __name__ == "__main__":
    main(*sys.argv[1:])
