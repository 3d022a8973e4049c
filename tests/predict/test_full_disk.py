"""A full disk ends a command with one line (folder, reason, remedy) and leaves nothing half-written."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from conftest import ingest_into, tiny_tree
from in_process import glioflow
from layered_models import write_layered
from PIL import Image
from scan_writers import make_scan, write_kaggle, write_nifti

from components.common import system
from components.common.errors import UserError
from components.common.faults import EX_TEMPFAIL
from components.common.files import atomic_file, atomic_folder, write_json
from components.common.system import DiskFullError, is_full
from components.convert.stage import convert
from pipelines import cli

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in range(1, 4)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with params.yaml, a model, and patients whose masks are large."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    write_layered(folder / "model")
    for patient in PATIENTS:
        scan = make_scan(patient, slices=6, size=32)
        write_kaggle(folder / "pictures", scan)
        write_nifti(folder / "volumes" / patient, scan)
    return folder


def leave_free(disk, free):
    """Fill a disk until only `free` bytes are left."""
    with (disk / "filler").open("wb") as file:
        file.write(bytes(shutil.disk_usage(disk).free - free))


def read_all_files(folder):
    """Read every file of a folder, so that a truncated one is noticed; returns the names."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix in (".png", ".tif"):
            Image.open(path).load()
        elif path.name.endswith(".nii.gz"):
            np.asarray(nib.load(path).dataobj)
        elif path.suffix == ".json":
            assert path.read_text(encoding="utf-8").endswith("}\n")
    return [path.name for path in folder.rglob("*")]


@pytest.mark.parametrize(("kind", "switch"), [("pictures", ["--overlays"]), ("volumes", [])])
def test_predict_reports_a_full_disk_and_resumes_when_there_is_room(project, small_disk, kind, switch):
    leave_free(small_disk, 24 * 1024)
    command = ["predict", kind, "--model", "model", "--out", str(small_disk / "out"), *switch]
    result = glioflow(*command, cwd=project)
    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines()[-1] == (
        f"glioflow: {small_disk / 'out'}: the disk is full; make room, and go on with --resume"
    )
    assert "Traceback" not in result.stderr
    assert not [name for name in read_all_files(small_disk / "out") if name.startswith(".part-")]
    (small_disk / "filler").unlink()
    assert glioflow(*command, "--resume", cwd=project).returncode == 0
    assert "patients.csv" in read_all_files(small_disk / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_ingest_on_a_full_disk_leaves_nothing_behind(project, small_disk, workers):
    leave_free(small_disk, 40 * 1024)
    with pytest.raises(
        UserError, match=rf"^{small_disk}/(scans|manifest\.csv): the disk is full \(No space left"
    ) as error:
        ingest_into(small_disk, project / "pictures", workers=workers)
    assert "\n" not in str(error.value)
    assert {path.name for path in small_disk.iterdir()} == {"filler"}


@pytest.fixture
def small_files():
    """Limit the files of this process to 16 KiB, as if the disk were full for anything larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_convert_on_a_full_disk_leaves_nothing_behind(data, tmp_path, small_files):
    # Not on `small_disk`: the workers resolve its path, which then no longer leads into the mount namespace.
    with pytest.raises(UserError, match=rf"^{tmp_path}/examples: the disk is full \(File too large") as error:
        convert(
            data / "scans", data / "splits.csv", tmp_path / "examples", shards=2, beam_args=["--runner=FnApiRunner"]
        )
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_stage_on_a_full_disk_ends_with_one_line(project, small_disk):
    place = small_disk / "project"
    place.mkdir()
    shutil.copy(project / "params.yaml", place)
    leave_free(small_disk, 30 * 1024)
    result = glioflow("stage", "demo", cwd=place)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(
        "glioflow: data/demo: the disk is full (No space left on device); "
    )
    assert {path.name for path in (place / "data").iterdir()} == set()


def write_to_a_full_disk(folder):
    with atomic_folder(folder) as part:
        write_json(part / "a", 1)
        with atomic_file(part / "b"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_error_names_the_outermost_path_and_no_temporary_one(tmp_path):
    with pytest.raises(DiskFullError, match=rf"^{tmp_path}/folder: the disk is full") as error:
        write_to_a_full_disk(tmp_path / "folder")
    assert ".part-" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # it survives the way back from a worker


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "x"),
        OSError(errno.EFBIG, "x"),
        RuntimeError("OSError: [Errno 28] No space left on device [while running 'Do']"),
        ValueError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_every_error_of_a_full_disk_is_recognised(error):
    outer = KeyError()
    outer.__cause__ = error
    assert is_full(error)
    assert is_full(outer)
    assert not is_full(OSError(errno.EACCES, "x"))


@pytest.mark.parametrize(
    ("error", "message", "exit_status"),
    [
        (PermissionError(errno.EACCES, "x", "scans/a"), "scans/a: Permission denied; check its permissions", 2),
        (
            FileNotFoundError(errno.ENOENT, "x", "scans/a"),
            "scans/a: No such file or directory; it was moved or removed",
            2,
        ),
        (OSError(errno.EIO, "x", "scans/a"), "scans/a: Input/output error; fix that and start again", 2),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "Connection refused; fix that", EX_TEMPFAIL),
        (RuntimeError("x"), "x; this may pass, so start again later", EX_TEMPFAIL),
    ],
)
def test_an_operating_system_error_is_one_line(tmp_path, monkeypatch, error, message, exit_status):
    def fail(**_):
        if isinstance(error, RuntimeError):  # as a library raises it, hiding the cause
            raise error from TimeoutError()
        raise error

    monkeypatch.setattr(cli.quiet, "silence", lambda: None)
    monkeypatch.setattr("pipelines.runs.run_summary.summary", lambda: fail())
    result = glioflow("summary", cwd=tmp_path)
    assert result.returncode == exit_status
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"glioflow: {message}")


def test_a_bug_keeps_its_traceback():
    assert system.in_words(KeyError("x")) is None
    assert system.in_words(OSError("cannot open")) is None


@pytest.mark.parametrize("place", ["file/out.csv", "/proc/nowhere/out.csv"])
def test_an_unwritable_path_is_named(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with (
        pytest.raises(UserError, match=rf"^{place}: can't be written \(.*\); choose another place"),
        atomic_file(place),
    ):
        pass
