"""Stage ingest: scans of any source become one NIfTI a patient and one manifest row a slice."""
