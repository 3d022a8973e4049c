"""Files and folders appear whole or not at all, and results are read back with all their keys."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from components.common import files
from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder, must_exist, read_json, read_result, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "table.csv"

    def fail():
        with atomic_file(path) as part:
            part.write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with atomic_file(path) as part:
        part.write_text("whole", encoding="utf-8")
        assert not path.exists()
        assert part.name.endswith(".csv")
    assert path.read_text(encoding="utf-8") == "whole"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_failed_write_keeps_the_old_folder(tmp_path):
    path = tmp_path / "scans"

    def write(text, fail):
        with atomic_folder(path) as part:
            (part / "a").write_text(text, encoding="utf-8")
            if fail:
                raise RuntimeError

    write("old", fail=False)
    with pytest.raises(RuntimeError):
        write("new", fail=True)
    assert (path / "a").read_text(encoding="utf-8") == "old"
    write("new", fail=False)
    assert (path / "a").read_text(encoding="utf-8") == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["scans"]


@pytest.mark.parametrize("renames", [1, 2])
def test_a_stop_between_the_two_renames_leaves_a_whole_folder(tmp_path, monkeypatch, renames):
    """Only of a stop: a kill between the renames may leave no folder."""
    path, rename, renamed = tmp_path / "scans", Path.rename, []
    with atomic_folder(path) as part:
        (part / "a").write_text("old", encoding="utf-8")

    def rename_and_stop(source, target):
        rename(source, target)
        renamed.append(target)
        if len(renamed) == renames:
            raise SystemExit(143)

    def write():
        with atomic_folder(path) as part:
            (part / "a").write_text("new", encoding="utf-8")
            monkeypatch.setattr(Path, "rename", rename_and_stop)

    with pytest.raises(SystemExit):
        write()
    assert (path / "a").read_text(encoding="utf-8") == ("old" if renames == 1 else "new")
    assert [p.name for p in tmp_path.iterdir()] == ["scans"]


def test_json_refuses_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": None})
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": None}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": None}


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755), (0o002, 0o664, 0o775)]
)
def test_permissions_follow_the_umask(tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        with atomic_file(tmp_path / "patients.csv") as part:
            assert part.stat().st_mode & 0o777 == 0o600
        with atomic_folder(tmp_path / "masks") as part:
            assert part.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)
    assert (tmp_path / "patients.csv").stat().st_mode & 0o777 == file
    assert (tmp_path / "masks").stat().st_mode & 0o777 == folder


def test_an_unknown_umask_defaults_to_the_usual_one(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "UMASK", re.compile(b"no such line"))
    with atomic_folder(tmp_path / "a"):
        pass
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755


def test_a_result_is_read_with_all_its_keys(tmp_path):
    write_json(tmp_path / "a.json", {"verdict": "BLESSED", "data": "scans", "more": 1})
    for keys in ((), ("verdict",), ("data", "more", "verdict")):
        assert read_result(tmp_path / "a.json", *keys) == {"verdict": "BLESSED", "data": "scans", "more": 1}


@pytest.mark.parametrize(
    "damaged", [b"", b"<<<<<<< HEAD\n{}", b"\xff\xfe", b"[]", b'["verdict"]', b"null", b"{}", b'{"data": 1}'], ids=repr
)
def test_a_damaged_result_is_refused(tmp_path, damaged):
    (tmp_path / "a.json").write_bytes(damaged)
    with pytest.raises(UserError, match=r"a\.json: not what its stage writes; restore it"):
        read_result(tmp_path / "a.json", "verdict")


def test_a_missing_result_names_the_command_that_makes_it(tmp_path):
    for read in (read_json, read_result):
        with pytest.raises(UserError, match=r"a\.json: not here, no run has written it yet; start one with"):
            read(tmp_path / "a.json")


def test_local_scans_must_exist_and_remote_addresses_are_not_checked(tmp_path):
    must_exist(str(tmp_path))
    must_exist("gs://bucket/scans")
    with pytest.raises(UserError, match=r"none: no such file or folder"):
        must_exist(str(tmp_path / "none"))
