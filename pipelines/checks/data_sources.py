"""Scans, tables and weights under `dvc add`: are they the version that their .dvc files name?

`git pull` changes the .dvc file only. DVC takes the older folder beside it for an edit, and the next `dvc repro` writes
its hash back into the .dvc file: a colleague's new scans are gone, and no stage has to run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.common.errors import UserError
from components.registry.git import GitError, git
from pipelines.stage_inputs import filled, paths_of, stages

if TYPE_CHECKING:
    from dvc.output import Output


class State(Enum):
    """How a data source differs from its .dvc file."""

    MISSING = "not here"
    OTHER = "another version that Git knows"
    EDITED = "changed since the named version was here"
    MIXED = "changed, and the named version was never here"


@dataclass(frozen=True)
class Difference:
    """A data source that is not the version that its .dvc file names.

    Attributes:
        path: the source.
        pointer: its .dvc file.
        state: how it differs.
    """

    path: str
    pointer: Path
    state: State


def check_sources(tree: dict[str, Any]) -> None:
    """Refuse sources of another version than their .dvc files name, and report edited ones, which a run takes.

    Args:
        tree: parameters as written in params.yaml.

    Raises:
        UserError: a run would put an older version back into the .dvc file.
    """
    for found in differences(tree):
        if found.state is State.EDITED:
            print(f"{found.path}: changed since {found.pointer} was written; this run takes it as it is", flush=True)
        elif found.state is not State.MISSING:  # which DVC reports, or the check of a stage's inputs
            raise UserError(refusal(found))


def refusal(found: Difference) -> str:
    """What is wrong with a source, and what to do."""
    return (
        f"{found.path}: not the version that {found.pointer} names, as after `git pull` alone, and a run would make it "
        f"name the old one again; `dvc pull {found.pointer}` brings the named one, or, to keep what is here, "
        f"`dvc commit --force {found.pointer}`"
    )


def differences(tree: dict[str, Any]) -> list[Difference]:
    """Sources of the stages that are not what their .dvc files name.

    Args:
        tree: parameters as written in params.yaml.

    Raises:
        UserError: a .dvc file can't be read.
    """
    pointers = _pointers(tree)
    if not pointers:  # DVC takes a second to import
        return []
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    from pipelines import dvc_errors

    found = []
    try:
        with Repo(".") as repo:
            for pointer in pointers:
                outs = [out for stage in repo.stage.load_file(str(pointer)) for out in stage.outs]
                states = ((out, state) for out in outs if (state := _state(out, pointer)))
                found += [Difference(os.path.relpath(out.fs_path), pointer, state) for out, state in states]
    except DvcException as error:
        raise UserError(f"{dvc_errors.in_words(error)}; restore it, or run `dvc doctor`") from error
    return found


def is_cached(pointer: Path) -> bool:
    """Whether DVC's cache holds all that a .dvc file names; otherwise `dvc checkout` would remove what is there."""
    from dvc.repo import Repo

    with Repo(".") as repo:
        return not any(out.changed_cache() for stage in repo.stage.load_file(str(pointer)) for out in stage.outs)


def _pointers(tree: dict[str, Any]) -> list[Path]:
    """The .dvc files of what the stages read, of folders around it, and in folders that they read."""
    here, found = Path.cwd(), set()
    for _, body in stages() if Path("dvc.yaml").exists() else ():
        for dep in paths_of(body, "deps"):
            path = here / filled(dep, tree)[0]
            if "://" in dep or not path.is_relative_to(here):
                continue
            places = [place for place in (path, *path.parents) if here in place.parents]
            found |= {Path(f"{place}.dvc") for place in places}
            found |= set(path.glob("*.dvc")) if path.is_dir() else set()
    return sorted(file.relative_to(here) for file in found if file.is_file())


def _state(out: Output, pointer: Path) -> State | None:
    if not out.use_cache or not out.hash_info:
        return None
    if not out.exists:
        return State.MISSING
    held = out.get_hash()
    if held == out.hash_info:
        return None
    if held.value in _versions(pointer):
        return State.OTHER
    return State.EDITED if out.cache.exists(out.hash_info.value) else State.MIXED


def _versions(pointer: Path) -> set[str]:
    """Hashes that a .dvc file has ever named, on any branch."""
    try:
        history = git("log", "--all", "-m", "--format=", "--patch", "--", str(pointer))
    except GitError:  # no repository, or no commit
        return set()
    return set(_hashes(history))


def _hashes(history: str) -> Iterator[str]:
    for line in history.splitlines():
        if match := re.match(r"[+-][ -]*md5: (\S+)$", line):
            yield match[1]
