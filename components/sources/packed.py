"""Archives and compressed files beside the scans: never opened, so patients inside would be missed silently."""

from __future__ import annotations

import itertools
import lzma
import tarfile
import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO

from components.common.errors import TransientError, UserError
from components.io.storage import Storage
from components.sources import archive
from components.sources.nifti.file_names import is_volume
from components.sources.reading import DAMAGE

ARCHIVES = (*archive.SUFFIXES, ".7z", ".rar", ".tar.zst", ".tzst", ".tar.lz4", ".tar.lz", ".tar.z", ".tbz2", ".txz")
PACKED = (*ARCHIVES, ".gz", ".bz2", ".xz", ".zst", ".lz4")
MEMBERS = 20  # of an archive, enough to see whether it was unpacked here
UNPACK = "unpack them, one folder per patient"


def is_packed(path: str) -> bool:
    """Return whether a file has to be unpacked before it can be read."""
    return path.lower().endswith(PACKED) and not is_volume(path)


def may_hide_scans(tree: Storage, path: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a file is an archive that was not unpacked beside it, or a packed scan.

    Args:
        tree, path: the file.
        suffixes: suffixes of scans.
    """
    name = path.lower()
    if not name.endswith(ARCHIVES):
        return is_packed(name) and name.rpartition(".")[0].endswith(suffixes)
    if not name.endswith(archive.SUFFIXES):
        return True
    names = {PurePosixPath(one).name for one in tree.files}
    try:
        with tree.open(path) as file:
            return names.isdisjoint(_members(file, name))
    except TransientError:
        raise
    except UserError:  # a broken link, which hides nothing
        return False


def _members(file: BinaryIO, name: str) -> list[str]:
    """Names of an archive's first files, without folders."""
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(file) as packed:
                found = [member.filename for member in packed.infolist() if not member.is_dir()]
        else:
            with tarfile.open(fileobj=file) as packed:
                found = [member.name for member in itertools.islice(packed, MEMBERS) if member.isfile()]
    except (*DAMAGE, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError):
        return []
    return [PurePosixPath(member).name for member in found[:MEMBERS]]
