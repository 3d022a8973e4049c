"""The network to start from, as TFX passes it to a Trainer: on Kubeflow, where a pod has no folder of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.io.storage import Storage
from models.networks.network_layout import NETWORK, WEIGHTS


@contextmanager
def local_copy(base_model: str | None) -> Iterator[Path | None]:
    """Yield a local folder with the files of the network, removed afterwards if it is a copy; None without one.

    Args:
        base_model: `base_model` of TFX's `FnArgs`: the SavedModel in the artifact, beside which the network lies.
    """
    if base_model is None:
        yield None
        return
    with Storage(base_model.rstrip("/").rpartition("/")[0]).local([NETWORK, WEIGHTS]) as folder:
        yield folder
