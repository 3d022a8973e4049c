"""A scan in the voxels of its source: the order of axes, and the position, that other programs know it by."""

from __future__ import annotations

import hashlib

import numpy as np

from components.scans.geometry import Geometry, resample
from components.scans.scan import Scan


def own_geometry(scan: Scan) -> Geometry:
    """Geometry of FLAIR in the source; that of the slices if they come from 2-D images."""
    return scan.source or scan.geometry


def to_own(scan: Scan, volume: np.ndarray) -> np.ndarray:
    """Turn [slices, height, width], of a scan read with `Options(size=None)`, to the source's own axes."""
    return resample(volume.transpose(2, 1, 0), scan.geometry, own_geometry(scan))


def from_own(scan: Scan, voxels: np.ndarray) -> np.ndarray:
    """Turn a volume in the source's own axes to [slices, height, width]: the inverse of `to_own`."""
    return resample(voxels, own_geometry(scan), scan.geometry).transpose(2, 1, 0)


def scan_hash(scan: Scan) -> str:
    """SHA-256 of a scan's voxels and position, hexadecimal: the same for the same examination under any name."""
    geometry = own_geometry(scan)
    position = np.round(geometry.affine, 3) + 0.0  # no -0.0
    seen = hashlib.sha256(f"{geometry.shape}{scan.image.shape}".encode() + position.astype("<f8").tobytes())
    seen.update(np.ascontiguousarray(scan.image).tobytes())
    return seen.hexdigest()


def mask_hash(voxels: np.ndarray) -> str:
    """SHA-256 of a mask, bool in the source's own axes, hexadecimal: of its shape and voxels, not of a file."""
    return hashlib.sha256(f"{voxels.shape}".encode() + np.packbits(voxels).tobytes()).hexdigest()
