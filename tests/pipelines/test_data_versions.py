"""Versions of the scans, kept by real DVC and Git in a bucket of a local Cloud Storage server."""

from __future__ import annotations

import pytest
from dvc_project import files, init_project, isolate, push_and_tag, run
from scan_writers import make_scan, write_kaggle

pytestmark = pytest.mark.nightly  # it follows a how-to that only uses DVC: no code of the project runs


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)


def test_an_older_version_of_the_scans_is_restored_bit_for_bit(tmp_path, bucket, monkeypatch):
    here, there, later = tmp_path / "here", tmp_path / "there", tmp_path / "later"
    changed = write_kaggle(here / "scans", make_scan()) / "note.txt"
    init_project(here)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")  # from here on, only `endpointurl` leads to the server
    run(here, "dvc add scans")
    push_and_tag(here, "first")
    first = files(here / "scans")
    run(tmp_path, "git clone -q here there")
    run(there, "dvc pull")
    assert files(there / "scans") == first
    changed.write_text("drawn again", encoding="utf-8")
    next(changed.parent.glob("*_mask.tif")).write_bytes(b"drawn again")
    run(here, "dvc add scans")
    push_and_tag(here, "second")
    second = files(here / "scans")
    assert second != first
    run(there, "git pull -q")
    run(there, "dvc pull")
    assert files(there / "scans") == second
    run(there, "git checkout -q first")
    run(there, "dvc checkout")
    assert files(there / "scans") == first
    run(tmp_path, "git clone -q -b first here later")
    run(later, "dvc pull")
    assert files(later / "scans") == first


def test_an_import_follows_its_bucket_and_survives_its_deletion(tmp_path, bucket):
    here = tmp_path / "here"
    here.mkdir()
    init_project(here)
    for name in ("a/1.tif", "a/2.tif", "b/1.tif"):
        bucket.blob(f"incoming/{name}").upload_from_string(name)
    run(here, "dvc import-url gs://scans/incoming scans")
    push_and_tag(here, "first")
    first = files(here / "scans")
    assert sorted(first.values()) == [b"a/1.tif", b"a/2.tif", b"b/1.tif"]
    assert "didn't change" in run(here, "dvc update scans.dvc")
    bucket.blob("incoming/a/1.tif").upload_from_string(b"changed")
    bucket.blob("incoming/a/2.tif").delete()
    bucket.blob("incoming/c/1.tif").upload_from_string(b"new")
    assert files(here / "scans") == first
    run(here, "dvc update scans.dvc")
    push_and_tag(here, "second")
    assert sorted(files(here / "scans").values()) == [b"b/1.tif", b"changed", b"new"]
    bucket.delete_blobs(list(bucket.list_blobs(prefix="incoming/")))
    run(tmp_path, "git clone -q -b first here there")
    run(tmp_path / "there", "dvc pull")
    assert files(tmp_path / "there" / "scans") == first
