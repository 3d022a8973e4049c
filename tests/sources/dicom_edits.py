"""Edit DICOM files that a test has written."""

from __future__ import annotations

from pydicom import dcmread


def edit(folder, change):
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        data = dcmread(path)
        change(data, number)
        data.save_as(path)
