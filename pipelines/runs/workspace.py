"""A second workspace of the project, below .dvc/tmp: DVC runs in it, and the first one stays unchanged.

It reads what the first one reads and shares DVC's cache with it. A kill at any moment therefore leaves the first one's
params.yaml, dvc.lock, outputs and reports alone, and the second one ready to continue.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import atomic_file
from pipelines.processes.forwarding import run_forwarding_signals
from pipelines.runs.workflow import PARAMS, dvc

CODE = ("components", "models", "pipelines")
LOCK = "dvc.lock"
# If possible, its outputs are links to files in the cache, unless the project's configuration says otherwise.
LINKS = "reflink,hardlink,copy"


class Workspace:
    """A workspace of the project in the current folder; one left behind is reused.

    Its code is a copy, so that everything that runs in it dates from one moment. Other dependencies, such as scans, are
    links. Outputs come from the cache, except persistent ones, such as the ledger: those are copies of the current
    ones.

    Args:
        top: folder for it, which holds nothing else.

    Raises:
        UserError: dvc.yaml can't be read, or a dependency can't be linked.
    """

    def __init__(self, top: Path) -> None:
        here = Path.cwd()
        self.top = here / top
        # At the same relative path as the project, because dependencies may be named by paths that lead out of it.
        self.folder = self.top.joinpath(*here.parts[1:])
        if not self.folder.is_dir():
            shutil.rmtree(self.top, ignore_errors=True)
            self.folder.mkdir(parents=True)
        self._copy()
        self._fill(*self._configure_cache())

    def run(self, *command: str) -> int:
        """Run a command in it, with its copy of the code; returns the exit status."""
        paths = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return run_forwarding_signals(
            command, cwd=self.folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        )

    def set(self, values: dict[str, Any]) -> None:
        """Copy the project's params.yaml, with other values for some parameters, named as in "split.fold"."""
        from dvc.utils.serialize import modify_yaml

        target = self.folder / PARAMS
        shutil.copyfile(PARAMS, target)
        with modify_yaml(str(target)) as tree:
            for parameter, value in values.items():
                *groups, name = parameter.split(".")
                place = tree
                for group in groups:
                    place = place[group]
                place[name] = value

    def remove(self) -> None:
        """Remove it; results of what ran in it stay in DVC's cache."""
        shutil.rmtree(self.top)

    def _copy(self) -> None:
        for name in CODE:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            if Path(name).is_dir():
                shutil.copytree(name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / ".dvc").mkdir(exist_ok=True)
        for name in (str(PARAMS), "dvc.yaml", ".dvcignore", ".dvc/config", ".dvc/config.local"):
            (self.folder / name).unlink(missing_ok=True)
            if Path(name).exists():
                shutil.copyfile(name, self.folder / name)
        if Path(LOCK).exists() and not (self.folder / LOCK).exists():
            shutil.copyfile(LOCK, self.folder / LOCK)

    def _configure_cache(self) -> tuple[list[str], list[str]]:
        """Let it use the project's cache; returns its stages' inputs that no stage writes, and persistent outputs."""
        from dvc.config import Config
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        from pipelines import dvc_errors

        try:
            with Repo(".") as repo, Config(str(self.folder / ".dvc")).edit("local") as config:
                config.setdefault("core", {})["no_scm"] = True
                cache = config.setdefault("cache", {})
                cache["dir"] = repo.cache.local_cache_dir
                if "type" not in repo.config["cache"]:
                    cache["type"] = LINKS
                stages = [stage for stage in repo.index.stages if stage.cmd]
                outs = [out for stage in stages for out in stage.outs if out.protocol == "local"]
                deps = {dep.def_path for stage in stages for dep in stage.deps if dep.protocol == "local"}
        except DvcException as error:
            raise UserError(f"{dvc_errors.in_words(error)}; correct it") from error
        written = {Path(out.def_path) for out in outs}
        return [name for dep in sorted(deps) for name in _read(Path(dep), written)], [
            out.def_path for out in outs if out.persist
        ]

    def _fill(self, read: Iterable[str], persistent: Iterable[str]) -> None:
        for name in read:
            self._link(name)
        self.run(dvc(), "checkout", "--quiet", "--force", "--allow-missing")
        for name in persistent:
            if Path(name).is_file():
                # Written under a new name first: the existing file may be a link into the cache.
                with atomic_file(self.folder / name) as part:
                    shutil.copyfile(name, part)

    def _link(self, name: str) -> None:
        target = Path(os.path.normpath(self.folder / name))
        if Path(name).is_absolute() or not Path(name).exists():
            return  # the same path in both, or for DVC to report
        if target in (self.folder, *self.folder.parents):
            raise UserError(f"{name}: holds the project itself; give it by its path from / on")
        if target.is_symlink():
            target.unlink()
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(name).absolute())


def _read(path: Path, written: Collection[Path], *, beside: bool = False) -> Iterator[str]:
    """Yield the parts of a dependency that no stage writes: nothing, all of it, or the files beside outputs in it.

    DVC follows a dependency that is a link, but ignores links to folders inside one.
    """
    if {path, *path.parents} & set(written):
        return
    beside = beside or any(path in out.parents for out in written)
    if beside and path.is_dir():
        for inside in sorted(path.iterdir()):
            yield from _read(inside, written, beside=True)
    else:
        yield str(path)
