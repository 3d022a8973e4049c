"""What atomic files and folders leave behind, take over and clear away."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from components.common import files
from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder, must_exist, read_json, write_json
from components.common.system import DiskFullError

HOST = socket.gethostname()


@pytest.fixture(scope="module")
def ended():
    """Number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    return process.pid


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_with_its_folders_and_everybody_may_read_it(tmp_path):
    path = tmp_path / "a" / "b" / "scan.nii.gz"
    with atomic_file(path) as part:
        part.write_text("1", encoding="utf-8")
        assert part.parent == path.parent
        assert part.name.endswith("-scan.nii.gz")
        assert part.name.startswith(f".part-{HOST}-{os.getpid()}-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with atomic_folder(tmp_path / "c" / "d") as part:
        assert part.parent == tmp_path / "c"
        assert part.name.startswith(f".part-{HOST}-{os.getpid()}-")
        assert part.name.endswith("-d")
    assert stat.S_IMODE((tmp_path / "c" / "d").stat().st_mode) == 0o755


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old", encoding="utf-8")
    with atomic_file(path) as part:
        part.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    with pytest.raises(FileNotFoundError), atomic_file(path) as part:
        part.unlink()  # so that there is nothing to put in place
    assert path.read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["table.csv"]


def test_the_old_folder_is_there_until_the_new_one_is_whole_and_nothing_of_it_stays(tmp_path):
    path = tmp_path / "scans"
    for text in ("old", "new"):
        with atomic_folder(path) as part:
            (part / text).touch()
            if text == "new":
                assert names(path) == ["old"]
    assert names(path) == ["new"]
    assert names(tmp_path) == ["scans"]


def test_where_the_new_folder_can_not_take_its_place_the_old_one_does(tmp_path, monkeypatch):
    path = tmp_path / "scans"
    with atomic_folder(path) as part:
        (part / "old").touch()
    rename = Path.rename

    def refuse(source, target):
        if Path(target) == path and "-old-" not in source.name:
            raise OSError("the disk has gone")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="the disk has gone"), atomic_folder(path) as part:
        (part / "new").touch()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["scans"]
    with pytest.raises(OSError, match="the disk has gone"), atomic_folder(path):
        path.rename(tmp_path / "moved")
    assert names(tmp_path) == ["moved"]


@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_what_killed_processes_left_is_cleared_away_and_nothing_else(tmp_path, ended, write):
    gone = {f".part-{HOST}-{ended}-x1-table", f".part-{HOST}-{ended}-x2-old-table"}
    stays = {
        f".part-{HOST}-{os.getpid()}-x-table",  # still being written
        f".part-{HOST}-1-x-table",  # by somebody whom this process may not signal, unless it is root
        f".part-another-{HOST}-{ended}-x-table",  # another machine's, on a shared disk
        f".part-{HOST}-{ended}-x-other",
        f".part-{HOST}-nobody-x-table",
        f"part-{HOST}-{ended}-x-table",
    }
    for name in gone | stays:
        (tmp_path / name).touch()
    folders = {f"{name.removesuffix('table')}folder-table" for name in gone}
    for name in folders:
        (tmp_path / name / "inside").mkdir(parents=True)
    with write(tmp_path / "table") as part:
        assert set(names(tmp_path)) == stays | {part.name}
    assert set(names(tmp_path)) == stays | {"table"}


def test_who_asks_for_no_search_leaves_what_others_left(tmp_path, ended):
    left = tmp_path / f".part-{HOST}-{ended}-x-table"
    left.touch()
    with atomic_file(tmp_path / "table", sweep=False):
        pass
    assert names(tmp_path) == [left.name, "table"]


@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_where_nothing_can_be_made_the_place_is_named_and_a_full_disk_told(tmp_path, monkeypatch, write):
    (tmp_path / "file").touch()
    says = rf"^{tmp_path}/file/table: can't be written \(.+\); choose another place$"
    with pytest.raises(UserError, match=says), write(tmp_path / "file" / "table"):
        pytest.fail("there is no such folder")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", full)
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(DiskFullError, match=rf"^{tmp_path}/table: the disk is full"), write(tmp_path / "table"):
        pytest.fail("there is no room")


def test_a_local_path_must_exist_and_other_addresses_are_not_looked_at(tmp_path):
    must_exist(str(tmp_path))
    must_exist("gs://nowhere/scans")
    with pytest.raises(UserError, match=rf"^{tmp_path}/scans: no such file or folder; give scans"):
        must_exist(f"{tmp_path}/scans")


def test_of_two_that_clear_away_at_once_neither_minds(tmp_path, ended, monkeypatch):
    left = tmp_path / f".part-{HOST}-{ended}-x-table"
    left.touch()
    monkeypatch.setattr(files, "_runs", lambda process: left.unlink())  # the other one is faster
    with atomic_file(tmp_path / "table") as part:
        assert names(tmp_path) == [part.name]


def test_of_two_that_clear_a_folder_away_at_once_neither_minds(tmp_path, ended, monkeypatch):
    left = tmp_path / f".part-{HOST}-{ended}-x-table"
    left.mkdir()
    is_dir = Path.is_dir

    def asked(path):
        found = is_dir(path)
        if path == left and found:
            path.rmdir()  # the other one is faster
        return found

    monkeypatch.setattr(Path, "is_dir", asked)
    with atomic_file(tmp_path / "table") as part:
        assert names(tmp_path) == [part.name]


def test_a_process_of_somebody_else_runs(monkeypatch):
    def refuse(process, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert files._runs(1)


def test_asking_whether_a_process_runs_sends_it_no_signal(monkeypatch):
    sent = []
    monkeypatch.setattr(os, "kill", lambda *told: sent.append(told))
    assert files._runs(7)
    assert sent == [(7, 0)]


def test_json_is_written_for_people_in_the_order_given(tmp_path):
    write_json(tmp_path / "a.json", {"b": "Größe", "a": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "b": "Größe",\n  "a": [\n    1\n  ]\n}\n'
    for value in (float("inf"), float("-inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "b.json", value)
    assert names(tmp_path) == ["a.json"]


def test_json_that_no_run_has_written_yet_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.json: not here, no run has written it yet; start one with `make run`"):
        read_json(tmp_path / "a.json")
