"""Archives of scans (.zip, .tar, .tar.gz, ...): untrusted, and unpacked only while they are read."""

from __future__ import annotations

import errno
import lzma
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from components.common.errors import UserError
from components.sources.reading import DAMAGE

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Scans compress to a half or a tenth. An archive that expands more than this is meant to fill the disk.
MAX_GROWTH = 200
HARMLESS_BYTES = 500_000_000


def is_archive(name: str) -> bool:
    """Return whether a file name has an archive suffix."""
    return name.lower().endswith(SUFFIXES)


@contextmanager
def unpacked(path: Path, name: str) -> Iterator[Path]:
    """Yield a temporary folder with the archive's files; it is removed when the block ends.

    Args:
        path: archive, or a copy of it.
        name: name by which the user knows it.

    Raises:
        UserError: the archive is damaged, encrypted, larger than the free disk space, or has a member that would leave
            the folder.
    """
    with tempfile.TemporaryDirectory(prefix="glioflow-unpacked-") as folder:
        with _as_user_error(name):
            (_unzip if path.name.lower().endswith(".zip") else _untar)(path, Path(folder), name)
        yield Path(folder)


def check_archive(path: Path, name: str) -> None:
    """Refuse a file that is not an archive, by a .zip's directory or a .tar's first header; nothing is unpacked.

    Args:
        path: archive.
        name: name by which the user knows it.

    Raises:
        UserError: the archive can't be unpacked here, as far as these show.
    """
    with _as_user_error(name):
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
            _check_size(path, name, size, shutil.disk_usage(tempfile.gettempdir()).free)
        else:
            tarfile.open(path).close()


@contextmanager
def _as_user_error(name: str) -> Iterator[None]:
    """Convert any error of an archive to a UserError about `name`."""
    try:
        yield
    except tarfile.FilterError as error:
        raise UserError(f"{name}: a member would be written outside of the folder; don't trust it") from error
    except RuntimeError as error:
        raise UserError(f"{name}: encrypted or compressed in an unknown way; unpack it by hand") from error
    except (*DAMAGE, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise UserError(f"{name}: the disk is full; set TMPDIR to a larger one") from error
        kind = type(error).__name__
        raise UserError(f"{name}: damaged archive ({kind}); copy it again from its source") from error


def _unzip(path: Path, folder: Path, name: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        _check_size(path, name, sum(member.file_size for member in members), shutil.disk_usage(folder).free)
        for member in members:
            inside = PurePosixPath(member.filename.replace("\\", "/"))
            if inside.is_absolute() or ".." in inside.parts or (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise UserError(f"{name}: a member would be written outside of the folder; don't trust it")
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)


def _untar(path: Path, folder: Path, name: str) -> None:
    total, free = 0, shutil.disk_usage(folder).free
    with tarfile.open(path) as archive:
        for member in archive:
            total += member.size
            _check_size(path, name, total, free)
            if member.isfile() or member.isdir():
                archive.extract(member, folder, filter="data")
            elif member.issym() or member.islnk() or member.isdev():
                raise UserError(f"{name}: holds links or devices, which no scan needs; don't trust it")
        _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Refuse a tar whose members ended at a damaged header, which tarfile takes for the end of the archive.

    The bytes after the last member must exist and be zero. Reading them also makes gzip verify its checksum.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    length = 0
    while block := archive.fileobj.read(1 << 20):
        length += len(block)
        if any(block):
            raise tarfile.ReadError("a header inside is damaged")
    if not length:
        raise tarfile.ReadError("the end is missing")


def _check_size(path: Path, name: str, size: int, free: int) -> None:
    if size > max(HARMLESS_BYTES, MAX_GROWTH * path.stat().st_size):
        raise UserError(f"{name}: would grow {size // path.stat().st_size}-fold; no scans do, so it is not unpacked")
    if size > free:
        raise UserError(f"{name}: needs {size / 1e9:.1f} GB to unpack, more than is free; set TMPDIR to a larger disk")
