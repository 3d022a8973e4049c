"""Try tests on a module with a fault: each trial is a fork of a process that has imported all but the project."""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[2]
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    database=None,
    derandomize=True,  # the same mutants survive each time
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # nobody reads the smallest example
)
PYTEST = [
    "-q",
    "-x",
    "--assert=plain",
    "--rootdir",
    str(ROOT),
    "-c",
    str(ROOT / "pyproject.toml"),
    "--hypothesis-profile",
    "mutants",
]


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: "survived", "killed" or "timeout"; and the CPU seconds it took."""

    word: str
    seconds: float


class Swapped(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Gives another source for one module of the project."""

    def __init__(self, module: str, source: str):
        self.name, self.source = module.removesuffix(".py").replace("/", "."), source
        self.path = str(ROOT / module)

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            return importlib.util.spec_from_loader(fullname, self, origin=self.path)
        return None

    def get_filename(self, fullname):
        return self.path

    def get_data(self, path):
        return self.source.encode()


class Without:
    """Leaves out these tests, and those that use one of these fixtures."""

    def __init__(self, names):
        self.named = set(names)

    def pytest_collection_modifyitems(self, config, items):
        dear = [item for item in items if self.named & {*item.fixturenames, item.originalname}]
        items[:] = [item for item in items if item not in dear]
        config.hook.pytest_deselected(items=dear)


def start(task: Callable[[], int], cpu: int | None = None) -> int:
    """Fork a process whose exit status is what the task gives; it may take so many CPU seconds."""
    process = os.fork()
    if process:
        return process
    status = 70
    try:
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silent, stream)
        if cpu:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
            signal.alarm(20 * cpu)
        os.kill = only_asking(os.kill)
        status = task()
    finally:
        os._exit(status)


def only_asking(kill):
    """A mutant may ask whether a process runs, and hit itself, and nobody else."""

    def guarded(process, number):
        if number and process != os.getpid():
            raise AssertionError(f"signal {number} for process {process}")
        return kill(process, number)

    return guarded


def tested(module: str, source: str, arguments: list[str], without: list[str]) -> int:
    """Run tests in this process with that source in place of the module's own."""
    sys.meta_path.insert(0, Swapped(module, source))
    return int(pytest.main([*PYTEST, *arguments], plugins=[Without(without)]))


def ended(status: int, used: resource.struct_rusage) -> Outcome:
    """Read how a trial ended."""
    seconds = used.ru_utime + used.ru_stime
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL):
        return Outcome("timeout", seconds)
    return Outcome("survived" if status == 0 else "killed", seconds)


def warm_up(arguments: list[str]) -> None:
    """Import here what the tests import from elsewhere; of the project itself nothing, for a fault must be in time."""
    reader, writer = os.pipe()

    def told() -> int:
        status = pytest.main([*PYTEST, "--collect-only", *arguments])
        theirs = [name for name, module in list(sys.modules.items()) if not of_the_project(module)]
        with os.fdopen(writer, "w") as pipe:
            pipe.write("\n".join(theirs))
        return int(status)

    process = start(told)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        names = pipe.read().split()
    if os.waitpid(process, 0)[1]:
        raise SystemExit(f"mutants: pytest can't collect {' '.join(arguments)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            with suppress(Exception):  # some only their own package can import
                importlib.import_module(name)
    gc.freeze()  # what is here stays: no fork has to look through it


def of_the_project(module) -> bool:
    """Whether a module lies in this checkout, and not in its environment."""
    file = getattr(module, "__file__", None)
    return bool(file) and Path(file).is_relative_to(ROOT) and ".venv" not in Path(file).parts
