"""What every refusal must be: one clear line, and nothing half-written."""

from __future__ import annotations

import pytest
from conftest import ingest_into
from written_scans import made_up_scan

from components.common.errors import UserError
from components.sources.reading import Options

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in range(1, 5)]


def three_good_and(write, root, **arguments):
    """Write four patients with `write`; returns the folder of the one that a test then harms."""
    return [write(root, made_up_scan(name), **arguments) for name in PATIENTS][-1]


def a_good_one_and(write, root):
    """Write two patients: enough where a refusal of the second ends it all, before anybody counts them."""
    return [write(root, made_up_scan(name)) for name in PATIENTS[-2:]][-1]


def assert_refused(tmp_path, source, says, **changes):
    out = tmp_path / "out"
    changes.setdefault("options", Options(size=32, spacing=1.0))  # the slices of `made_up_scan`
    with pytest.raises(UserError, match=says) as error:
        ingest_into(out, source, **changes)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{source}: ")
    left = {path.name for path in out.iterdir()} if out.exists() else set()
    assert left <= {"problems.csv"}
