"""Whether a source exists, at a glance: nothing is unpacked, downloaded, or listed completely."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from components.common import packages
from components.common.errors import UserError
from components.io.storage import Storage, files_below
from components.sources import archive, leftovers, packed, unread_formats

# Files beside scans that never are scans; a name without a suffix may well be DICOM's.
BESIDE = {".csv", ".tsv", ".json", ".txt", ".md", ".pdf", ".xlsx", ".bval", ".bvec", ".html", ".xml", ".py", ".log"}


def check_source(address: str) -> None:
    """Refuse an address that can't be a source; only `open_source` checks its content.

    Args:
        address: folder, archive or `gs://` address.

    Raises:
        UserError: the address is missing, or not an archive, or has no file that may be a scan.
    """
    if "://" in address:
        Storage(address).check()
    elif archive.is_archive(address):
        if not Path(address).is_file():
            raise UserError(no_file(address))
        archive.check_archive(Path(address), address)
    elif not Path(address).is_dir():
        raise UserError(no_folder(address))
    elif not _may_hold_scans(address):
        raise UserError(no_scans(address, Storage(address)))


def _may_hold_scans(folder: str) -> bool:
    """Whether any file may be a scan; stops at the first."""
    return any(PurePosixPath(path).suffix.lower() not in BESIDE for path in files_below(folder))


def no_file(address: str) -> str:
    """What to report about the address of an archive."""
    return f"{address}: no such file; give a folder of scans, a .zip or a .tar"


def no_folder(address: str | Path) -> str:
    """What to report about the address of a folder."""
    is_file = Path(address).is_file()
    if is_file and (unread := unread_formats.what_and_remedy([str(address)])):
        return f"{address}: {'; '.join(unread)}"
    if is_file and packed.is_packed(str(address)):
        return f"{address}: packed in a way that is not read; unpack it first ({', '.join(archive.SUFFIXES)} are read)"
    what = "neither scans nor an archive" if is_file else "no such folder of scans"
    return (
        f"{address}: {what}; give a folder, a .zip or .tar, or a gs:// address, in a workflow with "
        f"`{packages.starter('...')}` (or `source` in params.yaml)"
    )


def no_scans(address: str | Path, tree: Storage) -> str:
    """What to report about a source in which nothing was recognised."""
    return f"{address}: no scans found; {leftovers.hint(tree)} (docs/how-to/real-scans.md)"
