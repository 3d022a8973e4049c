"""Work in other processes, with results in order and only a few of them waiting at any time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_job: Callable[[Any], Any]  # in a worker process: the function applied to each item


def _start(job: Callable[[Any], Any]) -> None:
    """Give a worker its job once rather than with every item: the job may hold the list of all files."""
    global _job
    _job = job
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent process ends, however it does: otherwise a worker of a killed parent would wait forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(*items: Any) -> Any:
    return _job(*items)


@contextmanager
def _stop_signals_blocked() -> Iterator[None]:
    """Block stop signals in processes started within the block; those processes exit with this one."""
    resource_tracker.ensure_running()  # which unblocks them as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerProcess:
    """A function that runs in another process, which is restarted if a call kills it.

    Stop signals are blocked in that process, so that a running call can finish; it exits with this one.

    Args:
        job: picklable function.
        on_crash: function of the same arguments that gives the result for a call that killed the process.
    """

    def __init__(self, job: Callable[..., Any], on_crash: Callable[..., Any]) -> None:
        self.job, self.on_crash = job, on_crash
        self.pool: ProcessPoolExecutor | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the function there."""
        with _stop_signals_blocked():
            if self.pool is None:
                spawn = multiprocessing.get_context("spawn")
                self.pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_start, initargs=(self.job,))
            done = self.pool.submit(_work, *arguments)
        try:
            return done.result()
        except BrokenProcessPool:
            self.close()
            return self.on_crash(*arguments)

    def close(self) -> None:
        """End the other process."""
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            self.pool = None


def in_order(
    job: Callable[[Any], Any], items: Sequence[Any], workers: int, on_crash: Callable[[Any], Any] | None = None
) -> Generator[Any, None, None]:
    """Yield `job(item)` for all items, in their order; a consumer that may stop early closes the generator.

    Only this process handles stop signals; its workers end with it.

    Args:
        job: picklable function of an item.
        workers: number of processes, 1 or more. At most one more result than that is computed ahead of the consumer, so
            memory does not grow with the number of items.
        on_crash: function that gives the result for an item whose process died, e.g. because a decoder crashed.

    Raises:
        BrokenProcessPool: a process died, and there is no `on_crash`.
    """
    left = deque(items)
    while left:
        yield from _with_pool(job, left, workers, on_crash is None)
        if left:  # the first of them broke the pool
            assert on_crash is not None
            yield on_crash(left.popleft())


def _with_pool(job: Callable[[Any], Any], left: deque, workers: int, strict: bool) -> Iterator[Any]:
    """Work until everything is done or, unless `strict`, a process dies; `left` holds the remaining items."""
    # Spawned rather than forked: storage clients have threads, which a fork would break.
    spawn = multiprocessing.get_context("spawn")
    ahead: deque[Future] = deque()
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(job,)) as pool:
        try:
            while left:
                with _stop_signals_blocked():
                    while len(ahead) < min(workers + 1, len(left)):
                        ahead.append(pool.submit(_work, left[len(ahead)]))
                done = ahead.popleft().result()
                left.popleft()
                yield done
        except BrokenProcessPool:
            if strict:
                raise
        finally:
            pool.shutdown(cancel_futures=True)
