"""Stage ingest: scans from any source become one NIfTI per patient and one manifest row per slice."""
