"""A quick check finds out whether a source exists, however large it is."""

from __future__ import annotations

import os
import tarfile
import zipfile

import pytest
from gcs_server import ADDRESS, upload_patients
from scan_writers import make_scan, write_kaggle

from components.common.errors import UserError
from components.sources import open_source
from components.sources.presence import check_source

PATIENTS = [f"TCGA_DU_000{i}_19990101" for i in range(1, 5)]


def check(source):
    check_source(str(source))


@pytest.fixture
def tree(tmp_path):
    for name in PATIENTS:
        write_kaggle(tmp_path / "in", make_scan(name))
    return tmp_path / "in"


@pytest.fixture
def accessed(monkeypatch):
    """Paths of all folders that are listed and files that Python opens."""
    found = []

    def recording(function):
        def recorded(path=".", *arguments, **options):
            found.append(str(path))
            return function(path, *arguments, **options)

        return recorded

    monkeypatch.setattr("os.scandir", recording(os.scandir))
    monkeypatch.setattr("io.open", recording(open))
    return found


def test_a_folder_is_searched_only_up_to_its_first_scan(tree, accessed):
    check(tree)
    assert len(accessed) == 2  # the folder and its first patient


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_an_archive_is_not_unpacked(tmp_path, tree, suffix, monkeypatch):
    """Damage inside is left for the stage that reads it to find."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    packed = tmp_path / f"scans{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for path in tree.rglob("*.tif"):
                archive.write(path, path.relative_to(tree))
        content = packed.read_bytes()
        packed.write_bytes(content[:2000] + bytes(byte ^ 255 for byte in content[2000:4000]) + content[4000:])
    else:
        with tarfile.open(packed, "w:gz" if suffix == ".tar.gz" else "w") as archive:
            archive.add(tree, "set")
        packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    check(packed)
    with pytest.raises(UserError, match="damaged archive"), open_source(packed):
        pass
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere: no such folder of scans"),
        ("nowhere.zip", "nowhere.zip: no such file"),
        ("text.zip", "text.zip: damaged archive"),
        ("text.tar", "text.tar: damaged archive"),
        ("text.tar.gz", "text.tar.gz: damaged archive"),
        ("empty", "empty: no scans found"),
        ("tables", "tables: no scans found; expected folders of patients"),
    ],
)
def test_an_invalid_source_is_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "tables/more"):
        (tmp_path / folder).mkdir(parents=True)
    for file in (
        "text.zip",
        "text.tar",
        "text.tar.gz",
        "tables/more/data.csv",
        "tables/._scan.nii",
        "tables/README.md",
    ):
        (tmp_path / file).write_text("text", encoding="utf-8")
    (tmp_path / "tables" / "again").symlink_to(tmp_path / "tables")  # a link cycle
    with pytest.raises(UserError) as error:
        check(name)
    assert str(error.value).startswith(message)


def test_a_zip_bomb_is_refused_before_any_stage(tmp_path, monkeypatch):
    monkeypatch.setattr("components.sources.archive.HARMLESS_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/p_1.tif", bytes(1_000_000))
    with pytest.raises(UserError, match="would grow"):
        check(tmp_path / "bomb.zip")


def test_in_a_bucket_only_object_names_are_checked(tmp_path, bucket):
    upload_patients(bucket, tmp_path / "in")
    bucket.blob("scans.zip").upload_from_string("what a look inside would refuse")
    for address in (ADDRESS, f"{ADDRESS}/", "gs://scans", "gs://scans/scans.zip"):
        check(address)
    for address in ("gs://scans/other", "gs://scans/other.zip", "gs://nobodys/scans.zip"):
        with pytest.raises(UserError, match="no such bucket or file"):
            check(address)
