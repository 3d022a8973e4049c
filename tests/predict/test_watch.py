"""Patients dropped into a folder: when they are predicted, and whatever else may happen there."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from in_process import glioflow
from watched import SETTLE, files, watched

from components.common.errors import UserError
from components.layered.reference import reference_model
from components.predict import deliveries
from components.predict.checked_reading import read_one
from components.predict.deliveries import Deliveries
from components.predict.detector import Detector
from pipelines import predicting

NOTHING = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}


@pytest.fixture(scope="module")
def model():
    return reference_model()


@pytest.fixture(scope="module")
def detector(model):
    return Detector(model)


@pytest.fixture(scope="module")
def patients(demo_source):
    """Folders of patients, by name."""
    return sorted(path for path in demo_source.iterdir() if path.is_dir())


@pytest.fixture
def watch(tmp_path, model, detector):
    with watched(tmp_path, model, detector) as made:
        yield made


def status(watch, result):
    with (watch.out / result / "patients.csv").open(newline="", encoding="utf-8") as file:
        return [(row["patient"], row["status"], row["notes"]) for row in csv.DictReader(file)]


def waiting(watch):
    path = watch.out / "waiting.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return dict(list(csv.reader(file))[1:])


def test_a_patient_at_rest_gets_the_result_of_a_prediction_by_hand(watch, patients, model, tmp_path):
    place = watch.drop(patients[0])
    assert predicting.run((str(place),), str(model), str(tmp_path / "by-hand"), **NOTHING) == 0
    watch.look(1)
    assert watch.results() == []
    watch.look(3)
    assert watch.results() == [patients[0].name]
    assert files(watch.out / patients[0].name) == files(tmp_path / "by-hand")
    assert watch.making() == []
    assert [line.partition(": ")[2] for line in watch.lines] == ["patient 1 of 1: 8 slices, 3 with tumour", "done"]


def test_rest_is_time_and_not_the_number_of_looks(watch, patients):
    watch.drop(patients[0])
    watch.look(4, after=SETTLE / 4)
    assert watch.results() == []
    watch.look(1)
    assert watch.results() == [patients[0].name]


def test_a_patient_that_grows_is_waited_for(watch, patients):
    place = watch.drops / patients[0].name
    place.mkdir()
    for path in sorted(patients[0].iterdir()):
        shutil.copy(path, place)
        watch.look(1)
    assert watch.results() == []
    watch.look(1)
    assert status(watch, patients[0].name) == [(patients[0].name, "done", "")]
    assert len((watch.out / patients[0].name / "predictions.csv").read_text().splitlines()) == 1 + 8


def test_a_file_that_grows_or_is_written_anew_at_equal_size_is_waited_for(watch, patients):
    place = watch.drop(patients[0])
    path = next(place.glob("*_1.tif"))
    whole, times = path.read_bytes(), path.stat()
    for data in (whole[:100], whole[:1000], bytes(len(whole)), whole):
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as rsync and cp -p do
        watch.look(1)
        assert watch.results() == []
    watch.look(1)
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
def test_what_is_still_written_by_its_name_is_waited_for(watch, patients, name):
    place = watch.drop(patients[0])
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_bytes(b"half")
    watch.look(5)
    assert watch.results() == []
    assert waiting(watch) == {patients[0].name: f"{patients[0].name}/{name} is being written, by its name"}
    assert [line.partition(": ")[2] for line in watch.lines] == ["waits, see waiting.csv"]
    (place / name).unlink()
    watch.look(2)
    assert watch.results() == [patients[0].name]
    assert waiting(watch) == {}


@pytest.mark.parametrize("name", [".DS_Store", "._x", "Thumbs.db", ".bidsignore"])
def test_what_desktops_and_sets_leave_is_not_waited_for(watch, patients, name):
    (watch.drop(patients[0]) / name).write_bytes(b"settings")
    watch.look(2)
    assert watch.results() == [patients[0].name]


@pytest.mark.parametrize("name", [".hidden", "TCGA_XX_0001.part", "TCGA_XX_0001~", ".TCGA_XX_0001.Ab3dE6"])
def test_a_folder_is_seen_once_it_has_its_name(watch, patients, name):
    place = watch.drop(patients[0], name)
    watch.look(3)
    assert (watch.results(), watch.lines) == ([], [])
    place.rename(watch.drops / patients[0].name)
    watch.look(1)
    assert watch.results() == []
    watch.look(1)
    assert watch.results() == [patients[0].name]


def test_a_broken_link_an_unreadable_folder_and_an_empty_one_are_waited_for(watch, patients):
    place = watch.drop(patients[0])
    (place / "later.tif").symlink_to(place / "nowhere.tif")
    (watch.drops / "empty").mkdir()
    watch.look(3)
    assert watch.results() == []
    assert "link to nothing" in waiting(watch)[patients[0].name]
    (place / "later.tif").unlink()
    watch.look(2)
    assert watch.results() == [patients[0].name]


def test_what_is_no_file_is_not_opened_and_holds_up_nobody_else(watch, patients):
    os.mkfifo(watch.drop(patients[0]) / "pipe.dcm")  # to open it would wait for ever
    (watch.drops / "circle").symlink_to(watch.drops / "circle")
    (watch.drops / "pipe.zip").symlink_to(watch.drops / "nowhere.zip")
    watch.drop(patients[1])
    watch.look(3)
    assert watch.results() == [patients[1].name]
    assert list(waiting(watch)) == [patients[0].name]


def test_a_drop_may_be_called_as_the_watch_calls_its_own_files(watch, patients):
    watch.drop(patients[0], f"waiting.csv/{patients[0].name}")
    (watch.drop(patients[1]) / "x.part").touch()
    watch.look(3)
    assert watch.results() == ["waiting.csv-drop"]
    assert list(waiting(watch)) == [patients[1].name]


def test_links_and_subfolders_are_followed_and_a_circle_ends(watch, patients, tmp_path):
    shutil.copytree(patients[0], tmp_path / "elsewhere" / "set" / patients[0].name)
    (watch.drops / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "set" / "back").symlink_to(tmp_path / "elsewhere")
    watch.look(2)
    assert [row[:2] for row in status(watch, "linked")] == [(patients[0].name, "done")]
    one = next((tmp_path / "elsewhere" / "set" / patients[0].name).glob("*_1.tif"))
    one.write_bytes((one.parent / one.name.replace("_1.tif", "_2.tif")).read_bytes())
    watch.look(2)
    assert watch.results() == ["linked", "linked.2"]  # a change behind a link is seen


def test_an_archive_is_a_drop_and_other_files_beside_the_patients_are_none(watch, patients, tmp_path):
    shutil.make_archive(tmp_path / "packed", "zip", patients[0].parent, patients[0].name)
    whole = (tmp_path / "packed.zip").read_bytes()
    (watch.drops / "packed.zip.part").write_bytes(whole)
    shutil.copy(next(patients[1].glob("*_1.tif")), watch.drops)
    watch.look(3)
    assert watch.results() == []
    assert list(waiting(watch)) == [""]
    assert watch.lines == ["1 files lie beside the patients; put those of a patient into a folder of its own"]
    (watch.drops / "packed.zip.part").rename(watch.drops / "packed.zip")
    watch.look(2)
    assert status(watch, "packed.zip") == [(patients[0].name, "done", "")]


def test_half_an_archive_fails_and_is_predicted_when_it_is_whole(watch, patients, tmp_path):
    shutil.make_archive(tmp_path / "packed", "zip", patients[0].parent, patients[0].name)
    whole = (tmp_path / "packed.zip").read_bytes()
    (watch.drops / "packed.zip").write_bytes(whole[: len(whole) // 2])
    watch.look(4)
    assert [row[1] for row in status(watch, "packed.zip")] == ["failed"]
    (watch.drops / "packed.zip").write_bytes(whole)
    watch.look(4)
    assert [row[1] for row in status(watch, "packed.zip")] == ["failed"]
    assert [row[1] for row in status(watch, "packed.zip.2")] == ["done"]


def test_a_failure_is_recorded_and_the_next_one_follows(watch, patients):
    (watch.drops / "AAA").mkdir()
    (watch.drops / "AAA" / "letter.txt").write_text("no scan", encoding="utf-8")
    broken = watch.drop(patients[0])
    next(broken.glob("*_2.tif")).write_bytes(b"II*\0nothing")
    watch.drop(patients[1])
    watch.look(5)
    assert watch.results() == ["AAA", patients[0].name, patients[1].name]
    (name, failed, notes), *_ = status(watch, "AAA")
    assert (name, failed) == ("unnamed-1", "failed")
    assert "no scans found" in notes
    assert "not a readable picture" in status(watch, patients[0].name)[0][2]
    assert status(watch, patients[1].name) == [(patients[1].name, "done", "")]
    assert [line.partition(": ")[2] for line in watch.lines][:4] == [
        *("FAILED, see its notes in patients.csv", "done"),
        *("patient 1 of 1: FAILED, see its notes in patients.csv", "done"),
    ]


def test_an_error_that_nobody_thought_of_is_a_failure_too(watch, patients):
    watch.drop(patients[0])
    watch.drop(patients[1])

    def read(job, *others):
        if job[1] == patients[0].name:
            raise RuntimeError(f"{job[1]} is odd")
        return read_one(job, *others)

    watch.read = read
    watch.look(2)
    assert status(watch, patients[0].name) == [("unnamed-1", "failed", "it can't be predicted (RuntimeError)")]
    assert [row[1] for row in status(watch, patients[1].name)] == ["done"]


def test_what_vanishes_is_forgotten(watch, patients):
    place = watch.drop(patients[0])
    watch.look(1)
    shutil.rmtree(place)
    watch.look(2)
    watch.drop(patients[0])
    watch.look(1)
    assert watch.results() == []
    watch.look(1)
    assert watch.results() == [patients[0].name]


@pytest.mark.parametrize("after", [False, True], ids=["before it is read", "after it was read"])
@pytest.mark.parametrize("change", ["one file less", "no file", "another picture", "one file more"])
def test_nothing_is_delivered_of_what_changes_while_it_is_predicted(watch, patients, change, after):
    place = watch.drop(patients[0])
    first, second = (next(place.glob(f"*_{number}.tif")) for number in (1, 2))
    whole = first.read_bytes()

    def harm():
        if change == "no file":
            shutil.rmtree(place)
        elif change == "one file less":
            first.unlink()
        elif change == "another picture":
            first.write_bytes(second.read_bytes())
        else:
            (place / "more.txt").write_text("more", encoding="utf-8")

    def read(*arguments):
        watch.read = read_one
        if not after:
            harm()
        reading = read_one(*arguments)
        if after:
            harm()
        return reading

    watch.read = read
    watch.look(2)
    assert (watch.results(), watch.making()) == ([], [])
    assert "has changed while it was predicted" in watch.lines[-1]
    if not place.exists():
        watch.drop(patients[0])
    first.write_bytes(whole)
    watch.look(2)
    assert [row[:2] for row in status(watch, patients[0].name)] == [(patients[0].name, "done")]


def test_a_change_after_the_prediction_gives_another_result_and_keeps_the_first(watch, patients):
    place = watch.drop(patients[0])
    watch.look(2)
    before = files(watch.out / patients[0].name)
    shutil.copy(next(patients[0].glob("*_1.tif")), place / f"{patients[0].name}_9.tif")  # it was late
    watch.look(4)
    assert watch.results() == [patients[0].name, f"{patients[0].name}.2"]
    assert files(watch.out / patients[0].name) == before
    assert len((watch.out / f"{patients[0].name}.2" / "predictions.csv").read_text().splitlines()) == 1 + 9
    about = json.loads((watch.out / f"{patients[0].name}.2" / "drop.json").read_text())
    assert (about["drop"], about["number"]) == (patients[0].name, 2)
    assert any("has changed since it was predicted" in line for line in watch.lines)


def test_files_that_are_removed_later_change_no_result(watch, patients):
    place = watch.drop(patients[0])
    watch.look(2)
    for path in sorted(place.iterdir())[:6]:
        path.unlink()
        watch.look(2)
    shutil.rmtree(place)
    watch.look(2)
    assert watch.results() == [patients[0].name]
    watch.drop(patients[0])  # the same again, as copies that keep their times
    watch.look(3)
    assert watch.results() == [patients[0].name]


def test_two_drops_of_one_patient_are_two_results(watch, patients):
    watch.drop(patients[0], f"first/{patients[0].name}")
    watch.drop(patients[0], f"second/{patients[0].name}")
    watch.drop(patients[1], f"first.2/{patients[1].name}")
    watch.look(2)
    assert watch.results() == ["first", "first.2", "second"]
    assert files(watch.out / "first") == files(watch.out / "second")
    (watch.drops / "first" / "more.txt").write_text("more", encoding="utf-8")
    watch.look(2)
    assert watch.results() == ["first", "first.2", "first.3", "second"]
    assert json.loads((watch.out / "first.3" / "drop.json").read_text())["drop"] == "first"
    assert [row[0] for row in status(watch, "first.2")] == [patients[1].name]


@pytest.mark.parametrize("name", ["Müller, Ö. [1] #2", "a\nb", "x" * 200, b"\xff\xfe"])
def test_any_name_that_a_folder_can_have_is_safe(watch, patients, name):
    name = os.fsdecode(name)
    shutil.copytree(patients[0], watch.drops / name / patients[0].name)
    watch.look(4)
    if name.isprintable() or "\n" in name:
        (result,) = watch.results()
        assert [row[:2] for row in status(watch, result)] == [(patients[0].name, "done")]
        assert result.isascii()
    else:
        assert watch.results() == []
        assert "is not a name in UTF-8; rename it" in next(iter(waiting(watch).values()))


def test_a_set_that_is_stopped_goes_on_behind_the_patients_that_are_done(tmp_path, model, detector, patients):
    with watched(tmp_path, model, detector) as first:
        for patient in patients[:3]:
            first.drop(patient, f"set/{patient.name}")

        def read(*arguments):
            first.stop = True  # SIGTERM
            return read_one(*arguments)

        first.read = read
        first.look(2)
        assert first.results() == []
        assert len(first.lines) == 1
    jobs = []
    with watched(tmp_path, model, detector) as second:
        second.read = lambda job, *others: jobs.append(job[1]) or read_one(job, *others)
        second.look(3)
        assert jobs == [patient.name for patient in patients[1:3]]
        assert [row[:2] for row in status(second, "set")] == [(patient.name, "done") for patient in patients[:3]]
        assert second.making() == []


def test_what_was_begun_from_other_files_is_begun_anew(tmp_path, model, detector, patients):
    with watched(tmp_path, model, detector) as first:
        for patient in patients[:2]:
            first.drop(patient, f"set/{patient.name}")
        first.read = lambda *arguments: setattr(first, "stop", True) or read_one(*arguments)
        first.look(2)
    one = next((first.drops / "set" / patients[0].name).glob("*_1.tif"))
    one.write_bytes(next(patients[1].glob("*_1.tif")).read_bytes())
    jobs = []
    with watched(tmp_path, model, detector) as second:
        second.read = lambda job, *others: jobs.append(job[1]) or read_one(job, *others)
        second.look(2)
        assert jobs == [patient.name for patient in patients[:2]]


def test_a_result_that_was_moved_away_is_not_made_again(tmp_path, model, detector, patients):
    with watched(tmp_path, model, detector) as first:
        first.drop(patients[0])
        first.look(2)
        (first.out / patients[0].name).rename(tmp_path / "archive")
        first.look(2)
    with watched(tmp_path, model, detector) as second:
        second.look(3)
        assert second.results() == []
        (second.drops / patients[0].name / "more.txt").write_text("more", encoding="utf-8")
        second.look(3)
        assert second.results() == [f"{patients[0].name}.2"]


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_what_kills_the_process_again_and_again_is_a_failure(tmp_path, model, detector, patients):
    def read(*_):
        raise KilledError

    for attempt in range(5):
        with watched(tmp_path, model, detector, read=read) as watch:
            if attempt == 0:
                watch.drop(patients[0])
            if attempt < 3:
                with pytest.raises(KilledError):
                    watch.look(2)
            else:
                watch.look(2)
    assert status(watch, patients[0].name) == [
        ("unnamed-1", "failed", "the process that predicted it was killed 3 times")
    ]


@pytest.mark.parametrize("note", ["drop.json", "done"])
def test_a_kill_on_either_side_of_the_rename_leaves_one_result(tmp_path, model, detector, patients, monkeypatch, note):
    """All other moments are left to the night: tests/killing.py."""
    write = deliveries.write_json

    def killed(path, value):
        if note in (path.name, path.parent.name):
            raise KilledError
        write(path, value)

    with watched(tmp_path, model, detector) as first, monkeypatch.context() as patch:
        first.drop(patients[0])
        patch.setattr(deliveries, "write_json", killed)
        with pytest.raises(KilledError):
            first.look(2)
        assert first.results() == ([patients[0].name] if note == "done" else [])
    with watched(tmp_path, model, detector) as second:
        second.read = None  # nothing is read again
        second.look(3)
        assert second.results() == [patients[0].name]
        assert second.making() == []
        assert [row[:2] for row in status(second, patients[0].name)] == [(patients[0].name, "done")]


def test_a_second_one_is_told_who_holds_the_folder(watch, model, detector):
    other = Deliveries(watch.out, {})
    with (
        pytest.raises(UserError, match=f"{watch.out}: process 1 on here has watched drops since now; stop that one"),
        other.alone("process 2"),
    ):
        pass


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    for place, words in ((tmp_path, "holds something else"), (tmp_path / "thesis.txt", "is a file")):
        with pytest.raises(UserError, match=words), Deliveries(place, {}).alone("process"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_share_that_is_lost_for_a_while_is_waited_for(watch, patients):
    watch.drop(patients[0])
    watch.look(1)
    watch.drops.rename(watch.drops.with_name("away"))
    watch.look(3)
    assert watch.lines == ["the drop folder can't be read (No such file or directory); looking again"]
    watch.drops.with_name("away").rename(watch.drops)
    watch.look(1)
    assert watch.results() == []  # whoever copied was cut off, too
    watch.look(1)
    assert watch.results() == [patients[0].name]


def test_a_model_that_changes_under_it_ends_the_watch(tmp_path, model, detector, patients):
    shutil.copytree(model, tmp_path / "model")
    with watched(tmp_path, tmp_path / "model", detector) as watch:
        watch.drop(patients[0])
        watch.look(1)
        choices = next((tmp_path / "model").rglob("layered.json"))
        choices.write_text(choices.read_text(encoding="utf-8") + " ", encoding="utf-8")
        with pytest.raises(UserError, match="the model has changed since the start"):
            watch.look(1)
        assert watch.results() == []


def test_warnings_about_a_drop_are_kept_with_its_result(watch, patients):
    watch.drop(patients[0], f"set/{patients[0].name}")
    (watch.drops / "set" / "notes").mkdir()
    (watch.drops / "set" / "notes" / "readme.txt").write_text("text", encoding="utf-8")
    watch.look(2)
    assert "hold no patient that can be recognised" in (watch.out / "set" / "warnings.txt").read_text()
    assert watch.lines[-2].endswith("1 warnings, see warnings.txt")


def test_on_a_full_disk_it_ends_with_one_line_and_goes_on_when_there_is_room(
    tmp_path, small_disk, model, detector, patients
):
    (small_disk / "out").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "out").symlink_to(small_disk / "out")
    with watched(tmp_path / "here", model, detector) as first:
        first.drop(patients[0])
        first.look(1)
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 16 * 1024))
        with pytest.raises(UserError, match=rf"^{first.out}: the disk is full; make room and start again, it goes on$"):
            first.look(1)
        assert first.results() == []
    filler.unlink()
    with watched(tmp_path / "here", model, detector) as second:
        second.look(2)
        assert [row[:2] for row in status(second, patients[0].name)] == [(patients[0].name, "done")]


def test_sigterm_ends_the_command_when_the_patient_under_way_is_done(model, patients, tmp_path):
    shutil.copytree(patients[0], tmp_path / "drops" / patients[0].name)
    shutil.copytree(patients[1], tmp_path / "drops" / patients[1].name)
    words = ["predict", "--watch", "drops", "--out", "out", "--model", str(model), "--settle", "0"]
    command = [Path(sys.executable).with_name("glioflow"), *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline(), process.stdout.readline()]
        held = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert lines[0] == "watching drops; results go to out\n"
    assert "patient 1 of 1: 8 slices" in lines[1]
    assert rest.splitlines()[-1] == "stopped"
    assert (tmp_path / "out" / patients[0].name / "patients.csv").exists()
    assert held.returncode == 2
    (line,) = held.stderr.splitlines()
    assert re.match(rf"glioflow: out: process {process.pid} on \S+ has watched {tmp_path}/drops since 20\d\d-", line)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("predict --out out", "name INPUTS to predict, or a folder with --watch; not both"),
        ("predict drops --watch drops --out out", "name INPUTS to predict, or a folder with --watch; not both"),
        ("predict --watch drops --out out --resume", "don't go with --watch"),
        ("predict drops --settle 3 --out out", "--settle goes with --watch"),
        ("predict --watch nowhere --out out", "nowhere: no such folder"),
        ("predict --watch gs://bucket/drops --out out", "needs a folder of this machine"),
        ("predict --watch drops --out drops/out", "results can't lie in the drop folder, nor around it"),
        ("predict --watch drops/inner --out drops", "results can't lie in the drop folder, nor around it"),
        ("predict --watch drops --out drops", "results can't lie in the drop folder, nor around it"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(tmp_path, words, says):
    (tmp_path / "drops" / "inner").mkdir(parents=True)
    result = glioflow(*words.split(), cwd=tmp_path)
    assert result.returncode == 2
    assert says in result.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.rglob("*")] == ["drops", "inner"]
