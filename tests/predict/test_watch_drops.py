"""Patients dropped into a watched folder: when one is complete, and what is waited for, ignored or refused."""

from __future__ import annotations

import os
import shutil

import pytest
from in_process import glioflow
from watch_harness import SETTLE, status, waiting

from components.predict.drops import list_drops

pytest_plugins = ["forbidden_folder"]


def test_settling_takes_time_and_not_a_number_of_polls(watch, patients):
    watch.drop(patients[0])
    watch.poll(4, after=SETTLE / 4)
    assert watch.results() == []
    watch.poll(1)
    assert watch.results() == [patients[0].name]


def test_a_growing_patient_is_waited_for(watch, patients):
    place = watch.drops / patients[0].name
    place.mkdir()
    for path in sorted(patients[0].iterdir()):
        shutil.copy(path, place)
        watch.poll(1)
    assert watch.results() == []
    watch.poll(1)
    assert status(watch, patients[0].name) == [(patients[0].name, "done", "")]
    assert len((watch.out / patients[0].name / "predictions.csv").read_text().splitlines()) == 1 + 8


def test_a_file_that_grows_or_is_rewritten_at_equal_size_is_waited_for(watch, patients):
    place = watch.drop(patients[0])
    path = next(place.glob("*_1.tif"))
    original, times = path.read_bytes(), path.stat()
    for data in (original[:100], original[:1000], bytes(len(original)), original):
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as rsync and cp -p do
        watch.poll(1)
        assert watch.results() == []
    watch.poll(1)
    assert status(watch, patients[0].name) == [(patients[0].name, "done", "")]


@pytest.mark.parametrize(
    "name",
    [
        "x.part",
        "x.tif.filepart",
        "x.tif~",
        "~x.tif",
        ".x.tif.Ab3dE6",
        "x.PARTIAL",
        "sub/.goutputstream-X",
        ".~tmp~/x.tif",
    ],
)
def test_a_file_named_like_a_partial_transfer_is_waited_for(watch, patients, name):
    place = watch.drop(patients[0])
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_bytes(b"half")
    watch.poll(5)
    assert watch.results() == []
    assert waiting(watch) == {patients[0].name: f"{patients[0].name}/{name} is being written, judging by its name"}
    assert [line.partition(": ")[2] for line in watch.lines] == ["waits, see waiting.csv"]
    (place / name).unlink()
    watch.poll(2)
    assert watch.results() == [patients[0].name]
    assert waiting(watch) == {}


@pytest.mark.parametrize("name", [".DS_Store", "._x", "Thumbs.db", ".bidsignore"])
def test_desktop_and_dataset_files_are_not_waited_for(watch, patients, name):
    (watch.drop(patients[0]) / name).write_bytes(b"settings")
    watch.poll(2)
    assert watch.results() == [patients[0].name]


@pytest.mark.parametrize("name", [".hidden", "TCGA_XX_0001.part", "TCGA_XX_0001~", ".TCGA_XX_0001.Ab3dE6"])
def test_a_hidden_or_temporary_folder_is_ignored_until_it_is_renamed(watch, patients, name):
    place = watch.drop(patients[0], name)
    watch.poll(3)
    assert (watch.results(), watch.lines) == ([], [])
    place.rename(watch.drops / patients[0].name)
    watch.poll(1)
    assert watch.results() == []
    watch.poll(1)
    assert watch.results() == [patients[0].name]


def test_a_broken_link_and_an_empty_folder_are_waited_for(watch, patients):
    place = watch.drop(patients[0])
    (place / "later.tif").symlink_to(place / "nowhere.tif")
    (watch.drops / "empty").mkdir()
    watch.poll(3)
    assert watch.results() == []
    assert "link to nothing" in waiting(watch)[patients[0].name]
    (place / "later.tif").unlink()
    watch.poll(2)
    assert watch.results() == [patients[0].name]


def test_a_drop_with_a_folder_that_cant_be_listed_is_waited_for(forbidden):
    """Its files would be missing from the prediction."""
    (drop,) = list_drops(forbidden)
    assert drop.waits == "a folder in it can't be read"


def test_special_files_are_not_opened_and_do_not_block_other_drops(watch, patients):
    os.mkfifo(watch.drop(patients[0]) / "pipe.dcm")  # opening it would block forever
    (watch.drops / "circle").symlink_to(watch.drops / "circle")
    (watch.drops / "pipe.zip").symlink_to(watch.drops / "nowhere.zip")
    watch.drop(patients[1])
    watch.poll(3)
    assert watch.results() == [patients[1].name]
    assert list(waiting(watch)) == [patients[0].name]


def test_links_and_subfolders_are_followed_and_cycles_end(watch, patients, tmp_path):
    shutil.copytree(patients[0], tmp_path / "elsewhere" / "set" / patients[0].name)
    (watch.drops / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "set" / "back").symlink_to(tmp_path / "elsewhere")
    watch.poll(2)
    assert [row[:2] for row in status(watch, "linked")] == [(patients[0].name, "done")]
    one = next((tmp_path / "elsewhere" / "set" / patients[0].name).glob("*_1.tif"))
    one.write_bytes((one.parent / one.name.replace("_1.tif", "_2.tif")).read_bytes())
    watch.poll(2)
    assert watch.results() == ["linked", "linked.2"]  # a change behind a link is noticed


def test_an_archive_is_a_drop_but_loose_files_are_not(watch, patients, tmp_path):
    shutil.make_archive(tmp_path / "packed", "zip", patients[0].parent, patients[0].name)
    original = (tmp_path / "packed.zip").read_bytes()
    (watch.drops / "packed.zip.part").write_bytes(original)
    shutil.copy(next(patients[1].glob("*_1.tif")), watch.drops)
    watch.poll(3)
    assert watch.results() == []
    assert list(waiting(watch)) == [""]
    assert watch.lines == ["1 files lie beside the patients; put those of a patient into a folder of its own"]
    (watch.drops / "packed.zip.part").rename(watch.drops / "packed.zip")
    watch.poll(2)
    assert status(watch, "packed.zip") == [(patients[0].name, "done", "")]


def test_a_vanished_drop_is_forgotten(watch, patients):
    place = watch.drop(patients[0])
    watch.poll(1)
    shutil.rmtree(place)
    watch.poll(2)
    watch.drop(patients[0])
    watch.poll(1)
    assert watch.results() == []
    watch.poll(1)
    assert watch.results() == [patients[0].name]


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        ("predict --out out", "name INPUTS to predict, or a folder with --watch; not both"),
        ("predict drops --watch drops --out out", "name INPUTS to predict, or a folder with --watch; not both"),
        ("predict --watch drops --out out --resume", "exclude --watch"),
        ("predict drops --settle 3 --out out", "--settle goes with --watch"),
        ("predict --watch nowhere --out out", "nowhere: no such folder"),
        ("predict --watch gs://bucket/drops --out out", "needs a folder of this machine"),
        ("predict --watch drops --out drops/out", "results can't lie in the drop folder, nor around it"),
        ("predict --watch drops/inner --out drops", "results can't lie in the drop folder, nor around it"),
        ("predict --watch drops --out drops", "results can't lie in the drop folder, nor around it"),
    ],
)
def test_conflicting_options_are_refused_before_anything_is_written(tmp_path, command_line, message):
    (tmp_path / "drops" / "inner").mkdir(parents=True)
    result = glioflow(*command_line.split(), cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.rglob("*")] == ["drops", "inner"]
