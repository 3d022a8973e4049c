"""The LiteRT files of a layered model: recorded by size and hash in layered.json, and verified before they are run."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.layout import LITERT
from components.layered.record import COPY_AGAIN, saved_model

ENTRY = "litert"  # of layered.json
KIND, SCHEMA = b"TFL3", 3  # of the files that this version reads


def described(files: dict[str, bytes]) -> dict[str, Any]:
    """Describe the files of both networks, by network, for the entry `ENTRY` of layered.json."""
    return {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}


def has_litert(folder: str | Path, record: dict[str, Any]) -> bool:
    """Return whether a layered model has, or by its record should have, LiteRT files; older versions have none."""
    return ENTRY in record or any((saved_model(folder) / file).exists() for file in LITERT.values())


def read_litert(folder: str | Path, record: dict[str, Any]) -> dict[str, bytes]:
    """Read the files of both networks, by network.

    Raises:
        UserError: one is missing or damaged, does not belong to the record's model, or has a newer format.
    """
    return {name: _checked(saved_model(folder) / file, record.get(ENTRY), name) for name, file in LITERT.items()}


def _checked(path: Path, entry: Any, name: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: not readable ({error.strerror}); {COPY_AGAIN}") from error
    known = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(known, dict):
        raise UserError(f"{path}: layered.json does not name this file; {COPY_AGAIN}")
    if len(data) < 8 or not data[4:8].startswith(b"TFL"):
        raise UserError(f"{path}: damaged, not a LiteRT file; {COPY_AGAIN}")
    if _is_newer(data):
        raise UserError(f"{path}: of a newer format than this version reads; install a newer glioflow")
    if len(data) < known.get("bytes", 0):
        raise UserError(f"{path}: cut short, {len(data)} bytes of {known['bytes']}; {COPY_AGAIN}")
    if hashlib.sha256(data).hexdigest() != known.get("sha256"):
        raise UserError(f"{path}: damaged, or of another model than layered.json; {COPY_AGAIN}")
    return data


def _is_newer(data: bytes) -> bool:
    """Read the version from the flatbuffer's root table, whose first field it is."""
    if data[4:8] != KIND:
        return True
    try:
        (root,) = struct.unpack_from("<I", data)
        (back,) = struct.unpack_from("<i", data, root)
        size, _, field = struct.unpack_from("<HHH", data, root - back)
        version = struct.unpack_from("<I", data, root + field)[0] if size >= 6 and field else 0
    except struct.error:  # damaged, as the hash will show
        return False
    return bool(SCHEMA < version < 2**8)  # a greater number is damage
