"""What a training keeps on the disk to go on after a stop: checkpoints and decoded slices."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.common.params import Params
from components.train.checkpoints import Checkpoints


def cache_folder(network: str, params: Params) -> Path:
    """Folder of a network's decoded slices."""
    return Path(params.training.cache) / f"glioflow-{network}"


def checkpoints_of(network: str, params: Params, key: str) -> Checkpoints:
    """Checkpoints of a network's training; `key` tells its own from those of another training."""
    return Checkpoints(f"{params.training.checkpoints}/{network}", key)


def forget(network: str, params: Params) -> None:
    """Remove the checkpoints and the decoded slices of a training run whose results are safe."""
    forget_checkpoints(network, params)
    shutil.rmtree(cache_folder(network, params), ignore_errors=True)


def forget_checkpoints(network: str, params: Params) -> None:
    """Remove only the checkpoints of a training run."""
    checkpoints_of(network, params, "").clear()
