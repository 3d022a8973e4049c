"""Watch a drop folder: predict a patient once its files have been complete and unchanged for a while.

Polled, because network shares don't notify. What counts is how long this process has seen a drop unchanged: the times
of its files come from the clock of another machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.common.errors import UserError
from components.common.system import is_full
from components.predict.drop_results import DropResults
from components.predict.drops import Drop, list_drops, loose_files, read_drop
from components.predict.waiting import TABLE, Waiting

LOOSE_FILES = ""  # stands for the files that lie beside the drops
Predict = Callable[[Path, Path, str], bool]


class _LostError(Exception):
    """The drop folder can't be read: it lies on a share that was lost, and may come back."""


class Watch:
    """A watch over one folder.

    Args:
        folder: drop folder.
        results: output folder.
        predict: function of a drop's place, the folder to write to and the drop's label; returns whether it is done.
        settle: seconds for which a drop has to stay as it is.
        log: function that takes a line for the log; no line names a patient or a file.
        stopping: function that says whether to stop after the patient under way.
        clock: function that returns seconds since an arbitrary start.
    """

    def __init__(
        self,
        folder: Path,
        results: DropResults,
        predict: Predict,
        *,
        settle: float,
        log: Callable[[str], None],
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.results, self.predict = folder, results, predict
        self.settle, self.log, self.stopping, self.clock = settle, log, stopping, clock
        self.seen: dict[str, tuple[str, float]] = {}  # of each drop: its stamp, and since when
        self.ended: dict[str, str] = {}  # stamp of a drop that needs no prediction
        self.waiting = Waiting(results.out, log)
        self.removed_stale = False

    def run(self, wait: Callable[[], object]) -> None:
        """Look, predict, wait, and so on, until told to stop."""
        while not self.stopping():
            self.step()
            if not self.stopping():
                wait()

    def step(self) -> None:
        """Look once, and predict what is ready.

        Raises:
            UserError: the output folder can't be written.
        """
        with self._writing():
            for drop in self._ready():
                if self.stopping():
                    return
                self._one(drop)

    def _ready(self) -> list[Drop]:
        """Look at all drops; return those that have settled and need a prediction."""
        now, present, ready = self.clock(), {LOOSE_FILES}, []
        waiting: dict[str, str] = {}
        try:
            for drop in self._drops():
                present.add(drop.name)
                if self._has_settled(drop.name, drop.stamp, now) and self._is_ready(drop, waiting):
                    ready.append(drop)
        except _LostError as error:
            self.seen.clear()  # whoever copies may have been cut off, too
            self.waiting.note(LOOSE_FILES, f"the drop folder can't be read ({error}); looking again")
            return []
        beside = loose_files(self.folder)
        if self._has_settled(LOOSE_FILES, str(beside), now) and beside:
            waiting[LOOSE_FILES] = (
                f"{beside} files lie beside the patients; put those of a patient into a folder of its own"
            )
            self.waiting.note(LOOSE_FILES, waiting[LOOSE_FILES])
        self._forget(present)
        self.waiting.write(waiting)
        return ready

    def _drops(self) -> Iterator[Drop]:
        try:
            yield from list_drops(self.folder)
        except OSError as error:
            raise _LostError(error.strerror) from error

    def _is_ready(self, drop: Drop, waiting: dict[str, str]) -> bool:
        if drop.waits:
            waiting[drop.name] = drop.waits
            self.waiting.note(drop.name, f"{self.results.label(drop.name)}: waits, see {TABLE}")
            return False
        if self.ended.get(drop.name) == drop.stamp:
            return False
        if self._is_needed(drop):
            return True
        self.ended[drop.name] = drop.stamp
        return False

    def _forget(self, present: set[str]) -> None:
        for state in (self.seen, self.ended):
            for name in state.keys() - present:
                del state[name]
        if not self.removed_stale:
            self.results.remove_stale(present)
            self.removed_stale = True

    def _has_settled(self, name: str, stamp: str, now: float) -> bool:
        before, since = self.seen.get(name, ("", now))
        if before != stamp:
            self.seen[name] = (stamp, now)
            return False
        return now - since >= self.settle

    def _is_needed(self, drop: Drop) -> bool:
        last = self.results.done(drop)
        if last is None:
            return True
        if drop.files.items() <= last["files"].items():
            if len(drop.files) < len(last["files"]):  # somebody tidies up
                self.log(f"{self.results.label(drop.name)}: files were removed since; its result stands")
            return False
        self.log(f"{self.results.label(drop.name)}: has changed since it was predicted, and is predicted again")
        return True

    def _one(self, drop: Drop) -> None:
        if self._is_other(drop):
            return
        label = self.results.label(drop.name)
        if not self.predict(self.folder / drop.name, self.results.staging(drop), label):
            return
        if self._is_other(drop):
            self.results.discard(drop.name)
            self.log(f"{label}: changed while it was being predicted; the result is discarded")
            return
        self.results.deliver(drop)
        self.ended[drop.name] = drop.stamp
        self.log(f"{label}: done")

    def _is_other(self, drop: Drop) -> bool:
        try:
            now = read_drop(self.folder, drop.name)
        except OSError:
            return True
        return now is None or now.stamp != drop.stamp or bool(now.waits)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn whatever keeps results from being written into one line without a name in it."""
        out = self.results.out
        try:
            yield
        except Exception as error:
            if is_full(error):
                raise UserError(f"{out}: the disk is full; make room and start again; it continues") from error
            reason = getattr(error, "strerror", None) or getattr(error.__cause__, "strerror", None)
            if reason is None:
                raise
            raise UserError(f"{out}: can't be written ({reason}); fix that and start again; it continues") from error
