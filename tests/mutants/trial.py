"""Try tests on a faulty module: each trial is a fork of a pytest that has imported all that the fault leaves alone."""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
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
PYTEST = ["-q", "-x", "-s", "--assert=plain", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
PYTEST += ["--hypothesis-profile", "mutants"]


@dataclass(frozen=True)
class Suite:
    """The tests of a module: its path, pytest's arguments, tests and fixtures to leave out, and trials at once."""

    module: str
    arguments: list[str]
    without: list[str]
    jobs: int

    @property
    def name(self) -> str:
        return self.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def outcomes(self, sources: dict[str, str], limit: int) -> dict[str, list]:
        """How the trial of each source ended, "survived", "killed", or "timeout" after `limit`, and its CPU seconds."""

        def run(tell):
            return pytest.main([*PYTEST, *self.arguments], [Trials(self, sources, limit, tell)])

        with tempfile.TemporaryDirectory() as folder:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
            return told_by(run)

    def warm_up(self) -> None:
        """Import here what the tests import, but not what imports the module: that has to meet each fault."""

        def collect(tell):
            pytest.main([*PYTEST, "--collect-only", *self.arguments])
            files = {name: str(getattr(one, "__file__", "")) for name, one in list(sys.modules.items())}
            tell([name for name, file in files.items() if not file.startswith(str(ROOT / "tests"))])

        names = told_by(collect)
        sys.modules[self.name] = None  # importing it fails
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in names:
                with suppress(Exception):
                    importlib.import_module(name)
        del sys.modules[self.name]
        gc.freeze()  # what is here stays: no fork has to look through it


@dataclass
class Trials:
    """A pytest plugin that forks before tests are collected, once for each source."""

    suite: Suite
    sources: dict[str, str]
    limit: int
    tell: Callable

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        waiting, running, outcomes = list(reversed(self.sources)), {}, {}
        while waiting or running:
            while waiting and len(running) < self.suite.jobs:
                name = waiting.pop()
                process = os.fork()
                if not process:
                    self.put_in(self.sources[name])
                    return  # to collect, and to run
                running[process] = name
            process, status, used = os.wait4(-1, 0)
            ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            late = ended in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL)
            word = "timeout" if late else "killed" if status else "survived"
            outcomes[running.pop(process)] = [word, used.ru_utime + used.ru_stime]
        self.tell(outcomes)
        os._exit(0)

    def put_in(self, source: str) -> None:
        """Let this process import that source for the module, and do no harm."""
        sys.meta_path.insert(0, Swapped(self.suite.name, str(ROOT / self.suite.module), source))
        resource.setrlimit(resource.RLIMIT_CPU, (self.limit, self.limit + 1))
        signal.alarm(20 * self.limit)  # it may wait for ever, too
        os.kill = only_asking(os.kill)

    def pytest_collection_modifyitems(self, config, items):
        dear = [item for item in items if set(self.suite.without) & {*item.fixturenames, item.originalname}]
        items[:] = [item for item in items if item not in dear]
        config.hook.pytest_deselected(items=dear)


class Swapped(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Gives another source for one module."""

    def __init__(self, name: str, path: str, source: str):
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            return importlib.util.spec_from_loader(fullname, self, origin=self.path)
        return None

    def get_filename(self, fullname):
        return self.path

    def get_data(self, path):
        return self.source.encode()


def told_by(task: Callable) -> object:
    """What a task tells from a process of its own, which prints nothing."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        status = 70
        try:
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(silent, stream)
            status = int(task(lambda told: os.write(writer, json.dumps(told).encode())) or 0)
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    os.waitpid(process, 0)
    if not told:
        raise SystemExit("mutants: pytest could not start")
    return json.loads(told)


def only_asking(kill: Callable) -> Callable:
    """A mutant may ask whether a process runs, and hit itself, and nobody else."""

    def guarded(process, number):
        if number and process != os.getpid():
            raise AssertionError(f"signal {number} for process {process}")
        return kill(process, number)

    return guarded
