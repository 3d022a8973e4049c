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

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
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
def _deaf() -> Iterator[None]:
    """Block signals to stop in processes that start within the block; those end with this one."""
    resource_tracker.ensure_running()  # which unblocks them as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class OtherProcess:
    """A function that runs in another process, which is restarted if a call kills it.

    Signals to stop don't reach that process, so that a call under way ends well; it ends with this one.

    Args:
        job: picklable function.
        lost: function of the same arguments that gives the result for a call that killed the process.
    """

    def __init__(self, job: Callable[..., Any], lost: Callable[..., Any]) -> None:
        self.job, self.lost = job, lost
        self.pool: ProcessPoolExecutor | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the function there."""
        with _deaf():
            if self.pool is None:
                spawn = multiprocessing.get_context("spawn")
                self.pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_start, initargs=(self.job,))
            done = self.pool.submit(_work, *arguments)
        try:
            return done.result()
        except BrokenProcessPool:
            self.close()
            return self.lost(*arguments)

    def close(self) -> None:
        """End the other process."""
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            self.pool = None


def in_order(
    job: Callable[[Any], Any], items: Sequence[Any], workers: int, lost: Callable[[Any], Any] | None = None
) -> Generator[Any, None, None]:
    """Yield `job(item)` for all items, in their order; a consumer that may stop early closes the generator.

    Only this process handles signals to stop: its workers end with it.

    Args:
        job: picklable function of an item.
        workers: number of processes, 1 or more. At most one more result than that is computed ahead of the consumer, so
            memory does not grow with the number of items.
        lost: function that gives the result for an item whose process died, e.g. because a decoder crashed.

    Raises:
        BrokenProcessPool: a process died, and there is no `lost`.
    """
    left = deque(items)
    while left:
        yield from _with_pool(job, left, workers, lost is None)
        if left:  # the first of them broke the pool
            assert lost is not None
            yield lost(left.popleft())


def _with_pool(job: Callable[[Any], Any], left: deque, workers: int, strict: bool) -> Iterator[Any]:
    """Work until everything is done or, unless `strict`, a process dies; `left` holds the remaining items."""
    # Spawned rather than forked: storage clients have threads, which a fork would break.
    spawn = multiprocessing.get_context("spawn")
    ahead: deque[Future] = deque()
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(job,)) as pool:
        try:
            while left:
                with _deaf():
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
