"""A pytest plugin that reports what tests cost: `pytest --times 40`, or `make test-times`.

It measures CPU seconds, of the test and of every process that it started and waited for, because wall-clock times are
misleading on a busy machine. A shared fixture counts for the first test that uses it.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict

import pytest

PHASES = ("setup", "call", "teardown")


def cpu_seconds() -> float:
    """CPU seconds of this process and of its ended children."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def pytest_addoption(parser):
    text = "Show the CPU seconds of the N most expensive tests, and of all files."
    parser.addoption("--times", type=int, metavar="N", help=text)


def pytest_configure(config):
    if config.option.times:
        config.pluginmanager.register(Meter(), "meter of CPU seconds")


class Meter:
    """Measures where tests run; sums up where their reports arrive, which with pytest-xdist is another process."""

    def __init__(self):
        self.tests = defaultdict(dict)
        self.processes = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item):
        return (yield from _measured(item, "setup"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item):
        return (yield from _measured(item, "call"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        return (yield from _measured(item, "teardown"))

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            name = report.nodeid.rpartition("@")[0] or report.nodeid  # xdist adds the group
            self.tests[name] |= {phase: value for phase, value in report.user_properties if phase in PHASES}

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["cpu_seconds"] = cpu_seconds()
        elif not session.config.option.numprocesses:
            self.processes["this"] = cpu_seconds()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        self.processes[node.gateway.id] = getattr(node, "workeroutput", {}).get("cpu_seconds", 0.0)

    def pytest_terminal_summary(self, terminalreporter, config):
        for line in self.lines(config.option.times):
            terminalreporter.write_line(line)

    def lines(self, most):
        """The tables, as text."""
        tests = Counter({name: sum(phases.values()) for name, phases in self.tests.items()})
        files = defaultdict(list)
        for name, seconds in tests.items():
            files[name.split("::")[0]].append(seconds)
        yield f"\nCPU seconds of the {most} most expensive tests, children included"
        yield f"{'all':>8} " + " ".join(f"{phase:>8}" for phase in PHASES)
        for name, seconds in tests.most_common(most):
            yield f"{seconds:8.1f} " + " ".join(f"{self.tests[name].get(p, 0):8.1f}" for p in PHASES) + f"  {name}"
        yield f"\n{'all':>8} {'tests':>8}  of files"
        for name, several in sorted(files.items(), key=lambda pair: -sum(pair[1])):
            yield f"{sum(several):8.1f} {len(several):8}  {name}"
        tested, whole = sum(tests.values()) / 60, sum(self.processes.values()) / 60
        yield f"\n{tested:.1f} CPU minutes in {len(tests)} tests, {whole:.1f} with starts and imports"


def _measured(item, phase):
    before = cpu_seconds()
    try:
        return (yield)
    finally:
        item.user_properties.append((phase, cpu_seconds() - before))
