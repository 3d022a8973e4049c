"""Sources with a bad patient, and the check that ingest refuses them: with one clear line and nothing half-written."""

from __future__ import annotations

import pytest
from conftest import ingest_into
from scan_writers import make_scan

from components.common.errors import UserError
from components.sources.reading import Options

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in range(1, 5)]


def write_three_good_patients_and(write, root, **arguments):
    """Write four patients with `write`; returns the folder of the last one, for the test to damage."""
    return [write(root, make_scan(name), **arguments) for name in PATIENTS][-1]


def write_a_good_patient_and(write, root):
    """Write two patients: enough if the second one is refused before patients are counted; returns its folder."""
    return [write(root, make_scan(name)) for name in PATIENTS[-2:]][-1]


def assert_refused(tmp_path, source, message, **changes):
    out = tmp_path / "out"
    changes.setdefault("options", Options(size=32, spacing=1.0))  # the slices of `make_scan`
    with pytest.raises(UserError, match=message) as error:
        ingest_into(out, source, **changes)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{source}: ")
    left = {path.name for path in out.iterdir()} if out.exists() else set()
    assert left <= {"problems.csv"}
