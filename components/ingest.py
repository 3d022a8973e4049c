"""Ingest: scans of any source in; one NIfTI a patient and a manifest, one row a slice, out. Formats end here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from components.errors import UserError
from components.files import atomic_file, atomic_folder
from components.scan import CHANNELS, Scan, write_scan
from components.sources import open_source
from components.tables import MANIFEST_COLUMNS


def manifest_rows(scan: Scan, synthetic: bool) -> Iterator[dict[str, object]]:
    """Describe each slice; `pixel_hash` is the SHA-256 of its pixels, empty for a blank (constant) slice."""
    assert scan.mask is not None
    missing = scan.missing_sequences()
    for number, (image, mask) in enumerate(zip(scan.image, scan.mask, strict=True), start=1):
        blank = bool((image == image[0, 0]).all())
        yield {
            "patient": scan.patient,
            "site": scan.site,
            "synthetic": int(synthetic),
            "slice": number,
            "has_tumor": int(mask.any()),
            "tumor_pixels": int(mask.sum()),
            "missing_pre": int(missing[CHANNELS[0]]),
            "missing_post": int(missing[CHANNELS[2]]),
            "pixel_hash": "" if blank else hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:16],
        }


def spread(names: list[str], count: int | None) -> list[str]:
    """Pick `count` of the sorted names at even distances, so that every site has its share; None picks all."""
    if count is None or count >= len(names):
        return names
    return [names[i * len(names) // count] for i in range(count)]


def ingest(source: str | Path, scans: str | Path, manifest: str | Path, patients: int | None = None) -> pd.DataFrame:
    """Read `source` and write `scans` (a folder) and `manifest` (CSV).

    Args:
        source: folder of scans in a known format.
        scans: folder to write; replaced as a whole, or left as it was where anything fails.
        manifest: CSV to write, columns `MANIFEST_COLUMNS`.
        patients: take only so many patients, see `spread`; None takes all.

    Returns:
        The manifest.
    """
    opened = open_source(source)
    names = spread(opened.patients, patients)
    if len(names) < 3:
        raise UserError(f"{source}: {len(names)} patient(s); train, val and test need at least one each, so 3 or more")
    rows: list[dict[str, object]] = []
    with atomic_folder(scans) as part:
        for name in tqdm(names, desc="ingest", unit="patient"):
            scan = opened.read(name)
            if scan.mask is None:
                raise UserError(f"{Path(source) / name}: no reference masks; training needs one for every slice")
            write_scan(part, scan)
            rows.extend(manifest_rows(scan, opened.synthetic))
    table = pd.DataFrame(rows, columns=MANIFEST_COLUMNS)
    with atomic_file(manifest) as part_file:
        table.to_csv(part_file, index=False)
    return table
