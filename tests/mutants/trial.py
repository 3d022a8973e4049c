"""Try tests on a faulty module: each trial is a fork of a pytest that has imported everything else."""

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
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # shrinking is not needed
)
PYTEST = ["-q", "-x", "-s", "--assert=plain", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
PYTEST += ["--hypothesis-profile", "mutants"]


@dataclass(frozen=True)
class Suite:
    """The tests of a module: its path, pytest's arguments, tests and fixtures to leave out, and parallel trials."""

    module: str
    arguments: list[str]
    without: list[str]
    jobs: int

    @property
    def name(self) -> str:
        return self.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def outcomes(self, sources: dict[str, str], limit: int) -> dict[str, list]:
        """The outcome for each source ("survived", "killed", or "timeout" after `limit`) and its CPU seconds."""

        def run(report):
            return pytest.main([*PYTEST, *self.arguments], [Trials(self, sources, limit, report)])

        with tempfile.TemporaryDirectory() as folder:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
            return result_of(run)

    def warm_up(self) -> None:
        """Import what the tests import, except what imports the module, which each trial has to import anew."""

        def collect(report):
            pytest.main([*PYTEST, "--collect-only", *self.arguments])
            files = {name: str(getattr(one, "__file__", "")) for name, one in list(sys.modules.items())}
            report([name for name, file in files.items() if not file.startswith(str(ROOT / "tests"))])

        names = result_of(collect)
        sys.modules[self.name] = None  # importing it fails
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in names:
                with suppress(Exception):
                    importlib.import_module(name)
        del sys.modules[self.name]
        gc.freeze()  # forks don't have to collect what exists now


@dataclass
class Trials:
    """A pytest plugin that forks once for each source, before tests are collected."""

    suite: Suite
    sources: dict[str, str]
    limit: int
    report: Callable

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        waiting, running, outcomes = list(reversed(self.sources)), {}, {}
        while waiting or running:
            while waiting and len(running) < self.suite.jobs:
                name = waiting.pop()
                process = os.fork()
                if not process:
                    self.install(self.sources[name])
                    return  # collects and runs the tests
                running[process] = name
            process, status, used = os.wait4(-1, 0)
            end_signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            timed_out = end_signal in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL)
            outcome = "timeout" if timed_out else "killed" if status else "survived"
            outcomes[running.pop(process)] = [outcome, used.ru_utime + used.ru_stime]
        self.report(outcomes)
        os._exit(0)

    def install(self, source: str) -> None:
        """Make this process import that source as the module, and limit what it can do."""
        sys.meta_path.insert(0, FaultyModule(self.suite.name, str(ROOT / self.suite.module), source))
        resource.setrlimit(resource.RLIMIT_CPU, (self.limit, self.limit + 1))
        signal.alarm(20 * self.limit)  # it may also block forever
        os.kill = block_signals_to_others(os.kill)

    def pytest_collection_modifyitems(self, config, items):
        excluded = [item for item in items if set(self.suite.without) & {*item.fixturenames, item.originalname}]
        items[:] = [item for item in items if item not in excluded]
        config.hook.pytest_deselected(items=excluded)


class FaultyModule(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from another source."""

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


def result_of(task: Callable) -> object:
    """Run a task in a silent fork; returns what it reports."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        status = 70
        try:
            null_device = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(null_device, stream)
            status = int(task(lambda result: os.write(writer, json.dumps(result).encode())) or 0)
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        result = pipe.read()
    os.waitpid(process, 0)
    if not result:
        raise SystemExit("mutants: pytest could not start")
    return json.loads(result)


def block_signals_to_others(kill: Callable) -> Callable:
    """Wrap `os.kill`: a mutant may check whether a process exists, and signal itself, but no other process."""

    def guarded(process, signal_number):
        if signal_number and process != os.getpid():
            raise AssertionError(f"signal {signal_number} for process {process}")
        return kill(process, signal_number)

    return guarded
