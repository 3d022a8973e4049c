"""The output folder of a watch: a folder for each drop that was predicted, and notes of what is done, in `.watch`.

A result is made inside `.watch`, arrives under its final name in one rename, and never changes afterwards. It may then
be moved away: the notes record what is done, not the results.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import atomic_file, read_json, write_json
from components.common.lock import HeldError, held
from components.predict.drops import Drop, printable
from components.predict.waiting import TABLE
from components.scans.identity import file_name

NOTES = ".watch"
RECORD = "drop.json"  # in a result: what it was made from; written last


class DropResults:
    """The results of one watch.

    Args:
        out: output folder.
        made_with: what a result depends on besides the files: model and options.
    """

    def __init__(self, out: Path, made_with: dict[str, Any]) -> None:
        self.out, self.made_with, self.notes = out, made_with, out / NOTES

    @contextmanager
    def locked(self, words: str) -> Iterator[None]:
        """Prepare the folder and hold its lock.

        Args:
            words: description of this process, shown to another.

        Raises:
            UserError: another process holds the lock, or the folder holds something else.
        """
        if self.out.exists() and not self.out.is_dir():
            raise UserError(f"{self.out}: is a file; give a folder with --out")
        if self.out.is_dir() and any(self.out.iterdir()) and not self.notes.is_dir():
            raise UserError(
                f"{self.out}: holds something other than results of --watch; give another folder with --out"
            )
        try:
            self.notes.mkdir(parents=True, exist_ok=True)
            if not (self.out / ".gitignore").exists():  # results name patients
                with atomic_file(self.out / ".gitignore") as part:
                    part.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{self.out}: can't be written ({error.strerror}); choose another place") from error
        try:
            with held(self.notes / "lock", words):
                yield
        except HeldError as error:
            raise UserError(f"{self.out}: {error}; stop that one first, or give another folder with --out") from error

    def label(self, name: str) -> str:
        """Return eight hexadecimal digits that stand for a drop in the log.

        The name can't be recovered without this folder's secret.
        """
        place = self.notes / "secret"
        if not place.exists():
            with atomic_file(place) as part:
                part.write_text(secrets.token_hex(16), encoding="utf-8")
                part.chmod(0o600)
        return hmac.new(place.read_bytes(), name.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:8]

    def done(self, drop: Drop) -> dict[str, Any] | None:
        """Return the record of a drop's last prediction, None if there was none: `number`, `files`, ..."""
        note = self.notes / "done" / f"{self.label(drop.name)}.json"
        last = _read(note)
        number = last["number"] + 1 if last else 1
        while (result := self._result(drop.name, number)).exists():
            # A process that was killed right after the rename has left no note.
            found = _read(result / RECORD)
            if found and found["drop"] == printable(drop.name):
                last = found
                write_json(note, last)
            number += 1
        return last

    def staging(self, drop: Drop) -> Path:
        """Return the folder in which a result is made, with what an earlier process has made from the same files."""
        folder = self._staging(drop.name)
        of = folder.with_suffix(".json")
        wanted = {"files": drop.files, **self.made_with}
        if not folder.exists() or _read(of) != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            write_json(of, wanted)
            folder.mkdir(exist_ok=True)
        return folder

    def discard(self, name: str) -> None:
        """Remove what was made of a drop and was not delivered."""
        folder = self._staging(name)
        folder.with_suffix(".json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def deliver(self, drop: Drop) -> None:
        """Let the result appear under its final name, in one rename."""
        last = self.done(drop)
        number = last["number"] + 1 if last else 1
        while self._result(drop.name, number).exists():  # another drop's, or somebody's
            number += 1
        record = {"drop": printable(drop.name), "number": number, "files": drop.files, **self.made_with}
        folder = self._staging(drop.name)
        for left in folder.rglob(".part-*"):  # of processes that were killed
            left.unlink()
        write_json(folder / RECORD, record)
        folder.rename(self._result(drop.name, number))
        write_json(self.notes / "done" / f"{self.label(drop.name)}.json", record)
        folder.with_suffix(".json").unlink(missing_ok=True)

    def remove_stale(self, pending: set[str]) -> None:
        """Remove what was made of drops that are no longer there.

        Args:
            pending: names of the drops that are still there.
        """
        kept = {self._staging(name).name for name in pending}
        for left in self.notes.glob("making-*"):
            if left.is_dir() and left.name not in kept:
                shutil.rmtree(left, ignore_errors=True)
        for left in self.notes.glob("making-*.json"):
            if not left.with_suffix("").exists():
                left.unlink()

    def _staging(self, name: str) -> Path:
        return self.notes / f"making-{self.label(name)}"

    def _result(self, name: str, number: int) -> Path:
        safe = file_name(printable(name))
        safe += "-drop" if safe == TABLE else ""
        return self.out / (safe + (f".{number}" if number > 1 else ""))


def _read(path: Path) -> dict[str, Any] | None:
    """Read a note; None if there is none, or one that a power failure has cut short."""
    try:
        found: dict[str, Any] = read_json(path)
        return found
    except (UserError, ValueError):
        return None
