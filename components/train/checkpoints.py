"""Checkpoints: each is one file with everything a training run needs to resume as if it had never stopped."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from components.common.errors import UserError
from components.common.faults import is_transient
from components.common.files import atomic_file
from components.common.system import DiskFullError, is_full
from components.io.storage import Storage

Arrays = dict[str, list[np.ndarray]]


@dataclass
class State:
    """Progress of a training run.

    Attributes:
        key: hash of everything that the run depends on; a checkpoint with another key is never resumed.
        step: step over all epochs; batches, learning rate and random numbers follow from it.
        done: completed steps of the current epoch.
        history: one row per epoch.
        best: index in `history` of the best epoch.
    """

    key: str
    step: int = 0
    done: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best: int | None = None

    @property
    def epoch(self) -> int:
        """Number of completed epochs."""
        return len(self.history)


class Checkpoints:
    """The last checkpoints of one training run, in a folder or a bucket; those with other keys are removed.

    Args:
        address: folder, or gs://bucket/prefix.
        key: see `State`.
        keep: number of checkpoints to keep; the last but one serves if the last is damaged.
    """

    def __init__(self, address: str, key: str, keep: int = 2) -> None:
        self.address, self.key, self.keep = address.rstrip("/"), key, keep

    def save(self, state: State, arrays: Arrays) -> None:
        """Write a checkpoint.

        Raises:
            UserError: a value is not finite (the last good checkpoint stays), or the disk is full.
        """
        for array in (array for several in arrays.values() for array in several):
            if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
                raise UserError(diverged(state.step))
        columns = {f"{name}/{i}": array for name, several in arrays.items() for i, array in enumerate(several)}
        columns["state"] = np.frombuffer(json.dumps(asdict(state)).encode(), np.uint8)
        name = f"step-{state.step:09d}.npz"
        try:
            if "://" in self.address:
                with tempfile.TemporaryDirectory(prefix="glioflow-checkpoint-") as folder:
                    write_arrays(Path(folder) / name, columns)
                    Storage(self.address).put(Path(folder) / name, name)
            else:
                with atomic_file(Path(self.address) / name) as part:
                    write_arrays(part, columns)
        except Exception as error:
            if not is_full(error):
                raise
            raise UserError(
                f"{self.address}: disk full while saving step {state.step}; the checkpoint before it is kept; "
                "make room and start again"
            ) from (error.__cause__ if isinstance(error, DiskFullError) else error)
        self._remove(self._names()[: -self.keep])

    def latest(self) -> tuple[State, Arrays] | None:
        """Read the last intact checkpoint of this key; report and delete damaged ones, and those of another key.

        Returns:
            State and arrays; None if no checkpoint is left.

        Raises:
            UserError: the storage can't be reached.
            OSError: reading failed for a transient reason.
        """
        for name in reversed(self._names()):
            try:
                with Storage(self.address).open(name) as opened, np.load(opened, allow_pickle=False) as columns:
                    if len(set(columns.files)) < len(columns.files):
                        raise zipfile.BadZipFile("a name twice")
                    state = State(**json.loads(columns["state"].tobytes()))
                    arrays: Arrays = {}
                    for column in columns.files:
                        if column != "state":
                            arrays.setdefault(column.partition("/")[0], []).append(columns[column])
            except (zipfile.BadZipFile, ValueError, EOFError, KeyError, TypeError, OSError, RuntimeError) as error:
                if is_transient(error):  # the bucket's fault, and not the checkpoint's
                    raise
                print(f"{self.address}/{name}: damaged ({type(error).__name__}); deleted; using the one before it")
                self._remove([name])
                continue
            if state.key != self.key:
                print(f"{self.address}/{name}: from other parameters, data or code; deleted")
                self._remove([name])
                continue
            return state, arrays
        return None

    def clear(self) -> None:
        """Remove all checkpoints."""
        self._remove(self._names())

    def _names(self) -> list[str]:
        tree = Storage(self.address)
        if not tree.fs.exists(tree.root):
            return []
        return [path for path in tree.files if path.startswith("step-") and path.endswith(".npz")]

    def _remove(self, names: Iterable[str]) -> None:
        tree = Storage(self.address)
        for name in names:
            with suppress(FileNotFoundError):  # another worker was faster
                tree.fs.rm(f"{tree.root}/{name}")


def write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays for `np.load`, like `np.savez`, which leaves an archive open if the disk is full."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as opened:
                np.save(opened, array, allow_pickle=False)


def diverged(step: int) -> str:
    """Return the message for numbers that are no longer finite."""
    return (
        f"training diverged: not finite at step {step}; the last good checkpoint is kept; lower learning_rate, or set "
        "precision to float32, in params.yaml"
    )
