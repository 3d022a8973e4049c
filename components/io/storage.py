"""Files in a folder or in a bucket: `gs://bucket/prefix`, or any other address that fsspec supports."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from components.common import packages
from components.common.errors import TransientError, UserError
from components.common.faults import is_transient

# It also logs the traceback of errors that it raises, which are reported in one line here.
logging.getLogger("gcsfs").setLevel(logging.CRITICAL)


# Folders of systems and file servers: what was thrown away, earlier versions, thumbnails.
LITTER = re.compile(
    r"__MACOSX|\.Trash(es|-\d+)?|\$RECYCLE\.BIN|RECYCLER|#recycle|@Recycle|@eaDir|\.snapshots?|lost\+found"
    r"|System Volume Information|\.ipynb_checkpoints",
    re.IGNORECASE,
)


def is_litter(path: str) -> bool:
    """Return whether a system left this file beside others: a Mac's resource fork, folder settings, a bin's content.

    Args:
        path: name, or path relative to the folder that is looked at.
    """
    *folders, name = path.split("/")
    return name.startswith("._") or name in (".DS_Store", "Thumbs.db") or any(map(LITTER.fullmatch, folders))


def walk(root: str | Path) -> list[str]:
    """Paths of all files below a local folder, sorted.

    Raises:
        OSError: a folder can't be listed, so that its files would be missed.
    """
    return sorted(files_below(root, _refuse))


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # what has vanished is noticed by whoever knew of it
        raise error


def files_below(root: str | Path, refused: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """Yield the path of each file below a local folder; follows links, because people link patients to a set.

    Args:
        refused: function called with the error of each folder that can't be listed; such folders are skipped.
    """
    seen = set()
    for folder, inner, files in os.walk(root, onerror=refused, followlinks=True):
        here = os.path.realpath(folder)
        if here in seen:  # a link that leads back to one of its parents
            inner.clear()
            continue
        seen.add(here)
        inner[:] = [name for name in inner if not LITTER.fullmatch(name)]
        yield from (f"{folder}/{file}" for file in files if not is_litter(file))


class Storage:
    """Files below an address, listed once and read one patient at a time.

    Args:
        address: folder, or address that fsspec supports.
        only: the one file or folder there to consider; None considers all.
    """

    def __init__(self, address: str | Path, only: str | None = None) -> None:
        self.address = str(address)
        self.only = only
        # Other tools write to buckets too, so an earlier listing is never reused.
        if "://" in self.address:
            with _as_user_error(self.address):
                self.fs, root = fsspec.core.url_to_fs(self.address, use_listings_cache=False)
        else:  # a path, even if fsspec would read more into it: "a::b", "file:a"
            here = self.address if os.path.lexists(self.address) else os.path.expanduser(self.address)  # noqa: PTH111
            self.fs, root = LocalFileSystem(), os.path.abspath(here)  # noqa: PTH100  keeps links
        self.root = root.rstrip("/")
        self.remote = not isinstance(self.fs, LocalFileSystem)

    def check(self) -> None:
        """Raise UserError if there is nothing at the address, or no access; lists and reads no contents."""
        with _as_user_error(self.address):
            self.fs.info(self.root)

    def put(self, file: Path, path: str) -> None:
        """Copy a local file to `path`, relative to the address."""
        if not self.remote:
            Path(self.root, path).parent.mkdir(parents=True, exist_ok=True)
        with _as_user_error(self._place(path)):
            self.fs.put_file(str(file), f"{self.root}/{path}")

    def remove(self) -> None:
        """Delete everything below the address."""
        with _as_user_error(self.address):
            self.fs.rm(self.root, recursive=True)

    @cached_property
    def files(self) -> list[str]:
        """Relative paths of all files, sorted; raises UserError if the address is missing or inaccessible."""
        with _as_user_error(self.address):
            place = f"{self.root}/{self.only}" if self.only else self.root
            if self.only and self.fs.isfile(place):
                found = [place]
            else:
                found = self.fs.find(place) if self.remote else walk(place)
        paths = [path[len(self.root) + 1 :] for path in found if path.startswith(f"{self.root}/")]
        # In a bucket, `folder/` is an empty object that web consoles leave for a folder that somebody created.
        paths = sorted(path for path in paths if path and not path.endswith("/") and not is_litter(path))
        for path in paths:
            # Buckets accept any name, and a local copy would be written wherever it points.
            if not {"", ".", ".."}.isdisjoint(path.split("/")):
                raise UserError(f"{self.address}: {path!r} is not a path that files can have; rename it")
        return paths

    def below(self, folder: str) -> dict[str, list[str]]:
        """Entries of a sub-folder ("" for the top): name to its files, relative to it; a file has an empty list."""
        entries: dict[str, list[str]] = {}
        start = f"{folder}/" if folder else ""
        for path in self.files:
            if path.startswith(start):
                name, _, rest = path[len(start) :].partition("/")
                entries.setdefault(name, []).extend([rest] if rest else [])
        return entries

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading bytes; raises UserError if that isn't possible."""
        with _as_user_error(self._place(path)):
            return self.fs.open(f"{self.root}/{path}", "rb")

    @contextmanager
    def local(self, paths: list[str]) -> Iterator[Path]:
        """Yield a local folder that holds `paths`: the folder itself, or copies removed when the block ends."""
        if not self.remote:
            yield Path(self.root)
            return
        with tempfile.TemporaryDirectory(prefix="glioflow-fetched-") as folder:
            for path in paths:  # one by one: in a bulk download, others would still be writing after one fails
                target = Path(folder) / path
                with _as_user_error(self._place(path)):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self.fs.get_file(f"{self.root}/{path}", str(target))
            yield Path(folder)

    def _place(self, path: str) -> str:
        return f"{self.address.rstrip('/')}/{path}"


@contextmanager
def _as_user_error(place: str) -> Iterator[None]:
    """Convert any storage error to a UserError about `place`, or to a TransientError if it may be transient."""
    try:
        yield
    except Exception as error:  # every storage has its own family of exceptions
        if isinstance(error, ImportError) and place.startswith("gs://"):  # for others fsspec itself names the package
            raise UserError(f"{place}: not accessible: gcsfs {packages.remedy('gcsfs')}") from error
        missing = isinstance(error, FileNotFoundError)
        reason = "no such bucket or file" if missing else " ".join(str(error).split()) or type(error).__name__
        if is_transient(error):
            raise TransientError(f"{place}: does not answer ({reason}); this may pass, so start again later") from error
        raise UserError(f"{place}: not accessible ({reason}); check the address and your access") from error
