"""Run a function in a process of its own and watch it: for the benchmarks beside this file."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

INTERVAL = 0.1  # seconds between two readings of the memory


def _timed(pipe: Connection, modules: Sequence[str], function: Callable, arguments: Sequence[Any]) -> None:
    for module in modules:
        import_module(module)
    with redirect_stdout(sys.stderr):  # standard output is for the tables
        start = time.perf_counter()
        function(*arguments)
        pipe.send(time.perf_counter() - start)


def _resident(process: psutil.Process) -> int:
    return process.memory_info().rss


def _anonymous(process: psutil.Process) -> int:
    """Bytes that can't be taken back: without pages of files, which the system drops when it needs room."""
    fields = dict(line.split(":") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return int(fields.get("RssAnon", "0 kB").split()[0]) * 1024


def measure(
    modules: Sequence[str], function: Callable, *arguments: Any, anonymous: bool = False
) -> tuple[float, float]:
    """Call `function(*arguments)` in a fresh process, so that no measurement warms up another or leaves it its memory.

    Args:
        modules: imported before the clock starts.
        function: of a module's top level.
        anonymous: count only memory that no file holds.

    Returns:
        Seconds; and MB, the peak of the resident memory of the process and its children together. Pages that they share
        count for each, so it is rather too high than too low, but for peaks shorter than `INTERVAL`.

    Raises:
        SystemExit: the function failed; its traceback is on standard error.
    """
    spawn, peak = multiprocessing.get_context("spawn"), 0
    result, pipe = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_timed, args=(pipe, modules, function, arguments))
    child.start()
    pipe.close()  # the child's end is then the only one, and its death ends the wait
    process = psutil.Process(child.pid)
    while not result.poll(INTERVAL):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(map(_anonymous if anonymous else _resident, family)))
    try:
        seconds = result.recv()
    except EOFError:
        sys.exit(f"{function.__name__} failed, see above")
    child.join()
    return seconds, peak / 2**20
