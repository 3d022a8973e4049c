"""Files that are either whole or absent: write under a temporary name, then rename."""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.errors import UserError

_LINKS: list[tempfile.TemporaryDirectory] = []  # of `plain_path`, each removed when nothing holds it any more


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` when the block ends well, and vanishes otherwise.

    The temporary name keeps the suffixes of `path`, because writers choose their format by them.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=_swept(path), prefix=_prefix(), suffix=f"-{path.name}")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` when the block ends well.

    Whatever moment the process is killed at, `path` is the old folder as a whole, the new one, or absent.
    """
    path = Path(path)
    part = Path(tempfile.mkdtemp(dir=_swept(path), prefix=_prefix(), suffix=f"-{path.name}"))
    old = part.with_name(f"{part.name}-old-{path.name}")
    try:
        yield part
        part.chmod(0o755)
        if path.exists():
            path.rename(old)
        try:
            part.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def plain_path(path: str | Path) -> str:
    """The absolute path of a folder as Beam and TensorFlow may have it, for whom brackets and the like make a pattern.

    Where there are such characters in it, this is that of a link, which is gone when this process ends.
    """
    absolute = str(Path(path).resolve())
    if glob.escape(absolute) == absolute:
        return absolute
    folder = tempfile.TemporaryDirectory(prefix="glioflow-link-")
    _LINKS.append(folder)
    link = Path(folder.name) / "folder"
    link.symlink_to(absolute)
    return str(link)


def _prefix() -> str:
    """Temporary names tell who writes them, so that those of a killed process can be cleared away."""
    return f".part-{socket.gethostname()}-{os.getpid()}-"


def _swept(path: Path) -> Path:
    """The folder of `path`, made where there is none, without what killed processes left there for `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".part-{socket.gethostname()}-*-{glob.escape(path.name)}"):
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
    """Write `value` as indented JSON with a stable order of keys; NaN and infinity are refused with ValueError."""
    text = json.dumps(value, indent=2, sort_keys=False, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file that a stage wrote; raises UserError where there is none yet."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: not here, no run has written it yet; start one with `make run`") from error
