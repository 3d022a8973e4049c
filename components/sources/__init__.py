"""One reader per format; each yields the same `Scan`, one patient at a time, so that no step holds the whole set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.common.errors import UserError
from components.common.problems import Problem
from components.io.storage import Storage
from components.sources import archive, demo, formats, presence, review_table
from components.sources.content_hash import content_hash
from components.sources.entry import Entry
from components.sources.path_tables import contradictions
from components.sources.reading import Options, Reading


@dataclass(frozen=True)
class Source:
    """An opened source. It can be sent to other processes.

    Attributes:
        patients: names, sorted.
        synthetic: whether its patients are synthetic.
        problems: problems of the source as a whole.
        home: folder in the tree where the patients lie side by side, "" for the top.
        reviewed: what is known of the patients whose masks a human has reviewed.
    """

    patients: list[str]
    synthetic: bool
    problems: list[Problem]
    tree: Storage
    entries: dict[str, Entry]
    reader: Callable[..., Reading]
    home: str = ""
    reviewed: dict[str, review_table.Reviewed] = field(default_factory=dict)

    def hash(self, patient: str) -> str:
        """`content_hash` of a patient's files."""
        files = self.entries[patient].files
        with self.tree.local(files) as folder:
            return content_hash(folder, files)

    def read(
        self, patient: str, options: Options | None = None, masks: bool = True, *, hashed: bool = False
    ) -> Reading:
        """Read one patient; `masks=False` leaves out the reference masks, `hashed` also returns what `hash` does."""
        entry, options = self.entries[patient], options or Options()
        if entry.channels:
            options = replace(options, channels=entry.channels, from_source=True)
        with self.tree.local(entry.files) as folder:
            files = [[folder / file for file in entry.files]] if entry.scattered else []
            before = content_hash(folder, entry.files) if hashed else ""
            try:
                reading = self.reader(folder / entry.path, patient, options, masks, *files)
            except OSError as error:
                reading = _unreadable(patient, entry.path, f"can't be read ({error.strerror})")
            reading.files = before
            # Otherwise a file that has vanished since listing would mean one slice, or one sequence, fewer.
            gone = [file for file in entry.files if not os.path.lexists(folder / file)]
            return _unreadable(patient, gone[0], "was moved or removed while it was read") if gone else reading


def _unreadable(patient: str, where: str, what: str) -> Reading:
    reading = Reading(patient)
    reading.add("unreadable", where, what, "see what else is changing this folder, then start again")
    return reading


@contextmanager
def open_source(address: str | Path, only: str | None = None) -> Iterator[Source]:
    """Recognise the format of a folder, an archive or a `gs://` address by its content.

    Args:
        address: location of the patients, side by side.
        only: patient's file or folder to read alone.

    Yields:
        The opened source; an unpacked archive is removed when the block ends.

    Raises:
        UserError: the address does not exist, or holds nothing that any reader recognises; an archive is damaged,
            unsafe, or larger than the free disk space; or the storage refuses access.
        TransientError: the storage fails for a reason that may pass.
    """
    with ExitStack() as stack:
        if archive.is_archive(str(address)):
            file = stack.enter_context(_fetched(str(address)))
            tree = Storage(stack.enter_context(archive.unpacked(file, str(address))))
        else:
            tree = Storage(address, only)
        if not tree.remote and not Path(tree.root).is_dir():
            raise UserError(presence.no_folder(address))
        found = formats.recognise(tree)
        if found is None:
            raise UserError(presence.no_scans(address, tree))
        synthetic = demo.MARKER in tree.below(found.folder)
        problems = [*found.problems, *formats.skipped(tree, found), *contradictions(tree, found.folder)]
        reviewed = review_table.reviewed(tree, found.folder)
        yield Source(
            sorted(found.entries), synthetic, problems, tree, found.entries, found.reader, found.folder, reviewed
        )


@contextmanager
def _fetched(address: str) -> Iterator[Path]:
    """Yield an archive as a local file."""
    if "://" in address:
        parent, _, name = address.rpartition("/")
        with Storage(parent).local([name]) as folder:
            yield folder / name
    elif not Path(address).is_file():
        raise UserError(presence.no_file(address))
    else:
        yield Path(address)
