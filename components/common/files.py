"""Files that are either whole or absent: write under a temporary name, then rename."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.common import packages
from components.common.errors import UserError
from components.common.system import DiskFullError, is_full, writing

UMASK = re.compile(rb"^Umask:\s*(\d+)", re.MULTILINE)


@contextmanager
def atomic_file(path: str | Path, *, sweep: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` if the block succeeds and is removed otherwise.

    The temporary name keeps the suffixes of `path`, because writers choose their format by suffix.

    Args:
        sweep: whether to remove what killed processes left for `path`; the search takes longer in a folder of many
            files.
    """
    path = Path(path)
    with _made(path):
        handle, name = tempfile.mkstemp(dir=_swept(path, sweep), prefix=_prefix(), suffix=f"-{path.name}")
    os.close(handle)
    part = Path(name)
    try:
        with writing(path):
            yield part
            part.chmod(_permitted(0o666))
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` if the block succeeds.

    Whenever the process is killed, `path` is either the complete old folder, the complete new one, or absent.
    """
    path = Path(path)
    part = folder_beside(path)
    old = part.with_name(f"{part.name}-old-{path.name}")
    try:
        with writing(path):
            yield part
        part.chmod(_permitted(0o777))
        try:
            if path.exists():
                path.rename(old)
            part.rename(path)
        except BaseException:  # a request to stop, too
            if old.exists() and not path.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _permitted(mode: int) -> int:
    """Apply the umask to a mode; temporary files are readable by this user alone."""
    found = UMASK.search(Path("/proc/self/status").read_bytes())  # os.umask could only be read by setting it
    return mode & ~(int(found[1], 8) if found else 0o022)


def folder_beside(path: Path) -> Path:
    """Make an empty temporary folder beside `path`, and remove what killed processes left there for `path`.

    Raises:
        UserError: nothing can be created there.
    """
    with _made(path):
        return Path(tempfile.mkdtemp(dir=_swept(path), prefix=_prefix(), suffix=f"-{path.name}"))


@contextmanager
def _made(path: Path) -> Iterator[None]:
    """Name the file or folder beside which nothing can be created."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFullError(f"{path}: the disk is full; make room and start again") from error
        raise UserError(f"{path}: can't be written ({error.strerror}); choose another place") from error


def _prefix() -> str:
    """Return a prefix that identifies the writing process, so that leftovers of a killed one can be removed."""
    return f".part-{socket.gethostname()}-{os.getpid()}-"


def _swept(path: Path, sweep: bool = True) -> Path:
    """Create the folder of `path` if necessary, remove what killed processes left there for `path`, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".part-{socket.gethostname()}-*-{glob.escape(path.name)}") if sweep else ():
        process = left.name.removeprefix(f".part-{socket.gethostname()}-").partition("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return path.parent


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with a stable key order; NaN and infinity raise ValueError."""
    text = json.dumps(value, indent=2, sort_keys=False, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file written by a stage.

    Raises:
        UserError: the file does not exist yet.
        ValueError: it is not JSON, or not UTF-8.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: not here, no run has written it yet; start one with `{packages.starter()}`"
        ) from error


def read_result(path: str | Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object that people see, and keep in Git, where a merge may damage it.

    Args:
        path: the file.
        keys: what it must hold.

    Raises:
        UserError: the file is missing, is not JSON, or lacks a key.
    """
    try:
        found = read_json(path)
    except ValueError:  # JSON's own, or another encoding
        found = None
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        raise UserError(f"{path}: not what its stage writes; restore it with `git checkout` or `dvc checkout`")
    return found


def must_exist(address: str) -> None:
    """Refuse a local path that does not exist; addresses of other kinds are not checked."""
    if "://" not in address and not Path(address).exists():
        raise UserError(
            f"{address}: no such file or folder; give scans, a folder of them, an archive or a gs:// address"
        )
