"""Checks, made before the first stage, for whatever would otherwise end a run after hours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from components.common.errors import UserError
from components.common.params import Params

WEIGHTS = Path("own/weights")  # a dependency of the trainings in dvc.yaml
# In a separate process: TensorFlow would keep its memory here for the whole run.
LOOK = """\
from components.common.errors import UserError
from components.train.devices import require_gpu
try:
    require_gpu("required")
except UserError as error:
    print(error)
"""


def check_files(chosen: Params) -> None:
    """Refuse tables and weights that params.yaml names but that do not exist."""
    for parameter, path in (("split.file", chosen.split.file), ("evaluate.clinical", chosen.evaluate.clinical)):
        if path and "://" not in path and not Path(path).is_file():
            raise UserError(f"params.yaml: {parameter}: {path}: no such file; correct its path")
    for network in ("classifier", "segmenter"):
        check_weights(chosen, network)


def check_weights(chosen: Params, network: str) -> None:
    """Refuse pre-trained weights that do not exist, or whose changes DVC would not notice."""
    weights = getattr(chosen, network).weights
    if weights in ("none", "imagenet"):
        return
    if not Path(weights).is_file():
        raise UserError(f"params.yaml: {network}.weights: {weights}: no such file; set imagenet, none or a file")
    if WEIGHTS.absolute() not in Path(weights).absolute().parents:
        raise UserError(
            f"params.yaml: {network}.weights: {weights}: trainings would not see it change; move it into {WEIGHTS}/"
        )


def check_gpu(chosen: Params, *, trained: bool = True) -> None:
    """Refuse to start if trainings require a GPU and there is none.

    Args:
        chosen: parameters of params.yaml.
        trained: whether to accept that if both networks are already trained and nothing has changed since.
    """
    if chosen.training.gpu == "optional":
        return
    problem = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False).stdout.strip()
    if not problem:
        return
    dvc = shutil.which("dvc", path=str(Path(sys.executable).parent)) or "dvc"
    networks = ["train@classifier", "train@segmenter"]
    if trained and not subprocess.run([dvc, "status", "--quiet", "--with-deps", *networks], check=False).returncode:
        return
    raise UserError(problem)
