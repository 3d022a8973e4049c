"""What the pods of a run exchange besides DVC's data: the small part that Git carries on a single machine.

A stage leaves its entry of dvc.lock, and those of its outputs that DVC does not cache (metrics, model card), as one
JSON object in the bucket; the stages after it apply that to their own clones. Objects are written whole, so a killed
pod leaves either nothing or everything.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.common.errors import UserError
from components.common.files import atomic_file, write_json
from components.common.yaml_text import read_yaml
from components.io.storage import Storage

LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Result:
    """What is known about stages after a run.

    Attributes:
        stages: stage to its entry of dvc.lock.
        files: path to text of the outputs that DVC does not cache.
        done: what this run did about the stage, in words; None for an earlier run.
    """

    stages: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    done: str | None = None

    def apply(self) -> None:
        """Apply it to this process's clone; other stages' entries stay."""
        if self.stages:
            tree = {"schema": "2.0", "stages": {**entries(), **self.stages}}
            with atomic_file(LOCK) as part:
                part.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        for name, text in self.files.items():
            with atomic_file(name) as part:
                part.write_text(text, encoding="utf-8")


def result_here(stages: Iterable[str], files: Iterable[str], done: str | None = None) -> Result:
    """Read what this clone knows about the stages."""
    known = entries()
    texts = {name: Path(name).read_text(encoding="utf-8") for name in files if Path(name).exists()}
    return Result({name: known[name] for name in stages if name in known}, texts, done)


def entries() -> dict[str, Any]:
    """Stage to its entry of this clone's dvc.lock."""
    return read_yaml(LOCK, "gone")["stages"] if LOCK.exists() else {}


class RunStore:
    """The results of one run, by name, at an address that all its pods reach, e.g. gs://bucket/prefix/runs/RUN."""

    def __init__(self, address: str) -> None:
        self.tree = Storage(address)

    def put(self, name: str, result: Result) -> None:
        """Store a result for others."""
        with tempfile.TemporaryDirectory(prefix="glioflow-run-store-") as folder:
            file = Path(folder) / "result.json"
            write_json(file, asdict(result))
            self.tree.put(file, f"{name}.json")

    def get(self, name: str) -> Result:
        """Return the result stored under that name.

        Raises:
            UserError: there is none; the stage has not ended, or the address is not this run's.
        """
        place = f"{name}.json"
        if place not in Storage(self.tree.address).files:
            raise UserError(f"{self.tree.address}/{place}: not there; `{name}` has to run first, with the same --run")
        with self.tree.open(place) as file:
            return Result(**json.load(file))

    def remove(self) -> None:
        """Delete the whole store."""
        self.tree.remove()
