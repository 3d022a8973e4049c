"""Temporary files of atomic writes: their names, how they replace the old files, and how leftovers are removed."""

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
def dead_pid():
    """Process id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    return process.pid


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_created_with_its_folders_and_readable_by_all(tmp_path):
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


def test_the_old_file_is_kept_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old", encoding="utf-8")
    with atomic_file(path) as part:
        part.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    with pytest.raises(FileNotFoundError), atomic_file(path) as part:
        part.unlink()  # leaves nothing to move into place
    assert path.read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["table.csv"]


def test_the_old_folder_is_kept_until_it_is_replaced_completely(tmp_path):
    path = tmp_path / "scans"
    for text in ("old", "new"):
        with atomic_folder(path) as part:
            (part / text).touch()
            if text == "new":
                assert names(path) == ["old"]
    assert names(path) == ["new"]
    assert names(tmp_path) == ["scans"]


def test_the_old_folder_is_restored_if_the_new_one_cannot_be_moved(tmp_path, monkeypatch):
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
def test_only_leftovers_of_dead_processes_are_removed(tmp_path, dead_pid, write):
    removed = {f".part-{HOST}-{dead_pid}-x1-table", f".part-{HOST}-{dead_pid}-x2-old-table"}
    kept = {
        f".part-{HOST}-{os.getpid()}-x-table",  # still being written
        f".part-{HOST}-1-x-table",  # of another user, whose process only root may signal
        f".part-another-{HOST}-{dead_pid}-x-table",  # of another machine, on a shared disk
        f".part-{HOST}-{dead_pid}-x-other",
        f".part-{HOST}-nobody-x-table",
        f"part-{HOST}-{dead_pid}-x-table",
    }
    for name in removed | kept:
        (tmp_path / name).touch()
    folders = {f"{name.removesuffix('table')}folder-table" for name in removed}
    for name in folders:
        (tmp_path / name / "inside").mkdir(parents=True)
    with write(tmp_path / "table") as part:
        assert set(names(tmp_path)) == kept | {part.name}
    assert set(names(tmp_path)) == kept | {"table"}


def test_without_a_sweep_leftovers_are_kept(tmp_path, dead_pid):
    leftover = tmp_path / f".part-{HOST}-{dead_pid}-x-table"
    leftover.touch()
    with atomic_file(tmp_path / "table", sweep=False):
        pass
    assert names(tmp_path) == [leftover.name, "table"]


@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_an_unwritable_path_and_a_full_disk_are_reported(tmp_path, monkeypatch, write):
    (tmp_path / "file").touch()
    message = rf"^{tmp_path}/file/table: can't be written \(.+\); choose another place$"
    with pytest.raises(UserError, match=message), write(tmp_path / "file" / "table"):
        pytest.fail("there is no such folder")

    def raise_disk_full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", raise_disk_full)
    monkeypatch.setattr(tempfile, "mkdtemp", raise_disk_full)
    with pytest.raises(DiskFullError, match=rf"^{tmp_path}/table: the disk is full"), write(tmp_path / "table"):
        pytest.fail("there is no room")


def test_a_local_path_must_exist_and_remote_ones_are_not_checked(tmp_path):
    must_exist(str(tmp_path))
    must_exist("gs://nowhere/scans")
    with pytest.raises(UserError, match=rf"^{tmp_path}/scans: no such file or folder; give scans"):
        must_exist(f"{tmp_path}/scans")


def test_a_leftover_file_removed_by_another_process_is_no_error(tmp_path, dead_pid, monkeypatch):
    leftover = tmp_path / f".part-{HOST}-{dead_pid}-x-table"
    leftover.touch()
    monkeypatch.setattr(files, "_runs", lambda process: leftover.unlink())  # the other process is faster
    with atomic_file(tmp_path / "table") as part:
        assert names(tmp_path) == [part.name]


def test_a_leftover_folder_removed_by_another_process_is_no_error(tmp_path, dead_pid, monkeypatch):
    leftover = tmp_path / f".part-{HOST}-{dead_pid}-x-table"
    leftover.mkdir()
    is_dir = Path.is_dir

    def remove_after_check(path):
        found = is_dir(path)
        if path == leftover and found:
            path.rmdir()  # the other process is faster
        return found

    monkeypatch.setattr(Path, "is_dir", remove_after_check)
    with atomic_file(tmp_path / "table") as part:
        assert names(tmp_path) == [part.name]


def test_a_process_of_another_user_counts_as_running(monkeypatch):
    def refuse(process, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert files._runs(1)


def test_checking_whether_a_process_runs_sends_no_signal(monkeypatch):
    sent = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    assert files._runs(7)
    assert sent == [(7, 0)]


def test_json_is_written_indented_in_the_given_order(tmp_path):
    write_json(tmp_path / "a.json", {"b": "Größe", "a": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "b": "Größe",\n  "a": [\n    1\n  ]\n}\n'
    for value in (float("inf"), float("-inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "b.json", value)
    assert names(tmp_path) == ["a.json"]


def test_a_missing_json_file_is_reported_with_the_command_to_run(tmp_path):
    with pytest.raises(UserError, match=r"a\.json: not here, no run has written it yet; start one with `make run`"):
        read_json(tmp_path / "a.json")
