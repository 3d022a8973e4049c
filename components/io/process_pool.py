"""Work in other processes, with results in order and only a few of them waiting at any time."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

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


def _work(item: Any) -> Any:
    return _job(item)


def in_order(
    job: Callable[[Any], Any], items: Sequence[Any], workers: int, lost: Callable[[Any], Any] | None = None
) -> Generator[Any, None, None]:
    """Yield `job(item)` for all items, in their order; a consumer that may stop early closes the generator.

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
