"""Results of a watch: complete, one for each state of a drop, never changed, for any name, and for failures too."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from prediction_runs import NO_OPTIONS
from watch_harness import result_files, status, waiting

from components.common.errors import UserError
from components.predict.checked_reading import read_one
from components.predict.drop_results import DropResults
from pipelines import predicting


def test_a_settled_patient_gets_the_same_result_as_a_manual_run(watch, patients, model, tmp_path):
    place = watch.drop(patients[0])
    assert predicting.run((str(place),), str(model), str(tmp_path / "by-hand"), **NO_OPTIONS) == 0
    watch.poll(1)
    assert watch.results() == []
    watch.poll(3)
    assert watch.results() == [patients[0].name]
    assert result_files(watch.out / patients[0].name) == result_files(tmp_path / "by-hand")
    assert watch.unfinished() == []
    assert [line.partition(": ")[2] for line in watch.lines] == ["patient 1 of 1: 8 slices, 3 with tumour", "done"]


def test_a_drop_may_have_the_name_of_a_file_of_the_watch(watch, patients):
    watch.drop(patients[0], f"waiting.csv/{patients[0].name}")
    (watch.drop(patients[1]) / "x.part").touch()
    watch.poll(3)
    assert watch.results() == ["waiting.csv-drop"]
    assert list(waiting(watch)) == [patients[1].name]


def test_a_truncated_archive_fails_and_is_predicted_once_complete(watch, patients, tmp_path):
    shutil.make_archive(tmp_path / "packed", "zip", patients[0].parent, patients[0].name)
    original = (tmp_path / "packed.zip").read_bytes()
    (watch.drops / "packed.zip").write_bytes(original[: len(original) // 2])
    watch.poll(4)
    assert [row[1] for row in status(watch, "packed.zip")] == ["failed"]
    (watch.drops / "packed.zip").write_bytes(original)
    watch.poll(4)
    assert [row[1] for row in status(watch, "packed.zip")] == ["failed"]
    assert [row[1] for row in status(watch, "packed.zip.2")] == ["done"]


def test_a_failure_is_recorded_and_the_next_drop_is_predicted(watch, patients):
    (watch.drops / "AAA").mkdir()
    (watch.drops / "AAA" / "letter.txt").write_text("no scan", encoding="utf-8")
    broken = watch.drop(patients[0])
    next(broken.glob("*_2.tif")).write_bytes(b"II*\0nothing")
    watch.drop(patients[1])
    watch.poll(5)
    assert watch.results() == ["AAA", patients[0].name, patients[1].name]
    (name, failed, notes), *_ = status(watch, "AAA")
    assert (name, failed) == ("unnamed-1", "failed")
    assert "no scans found" in notes
    assert "not a readable image" in status(watch, patients[0].name)[0][2]
    ((name, done, notes),) = status(watch, patients[1].name)
    assert (name, done) == (patients[1].name, "done")
    assert "no T1 before contrast agent; FLAIR stands in for it" in notes
    assert [line.partition(": ")[2] for line in watch.lines][:4] == [
        *("FAILED, see its notes in patients.csv", "done"),
        *("patient 1 of 1: FAILED, see its notes in patients.csv", "done"),
    ]


def test_an_unexpected_error_is_recorded_as_a_failure(watch, patients):
    watch.drop(patients[0])
    watch.drop(patients[1])

    def read(job, *others):
        if job[1] == patients[0].name:
            raise RuntimeError(f"{job[1]} is odd")
        return read_one(job, *others)

    watch.read = read
    watch.poll(2)
    assert status(watch, patients[0].name) == [("unnamed-1", "failed", "it can't be predicted (RuntimeError)")]
    assert [row[1] for row in status(watch, patients[1].name)] == ["done"]


@pytest.mark.parametrize("after", [False, True], ids=["before it is read", "after it was read"])
@pytest.mark.parametrize("change", ["one file less", "no file", "another picture", "one file more"])
def test_a_drop_that_changes_during_prediction_is_not_delivered(watch, patients, change, after):
    place = watch.drop(patients[0])
    first, second = (next(place.glob(f"*_{number}.tif")) for number in (1, 2))
    original = first.read_bytes()

    def apply_change():
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
            apply_change()
        reading = read_one(*arguments)
        if after:
            apply_change()
        return reading

    watch.read = read
    watch.poll(2)
    assert (watch.results(), watch.unfinished()) == ([], [])
    assert "changed while it was being predicted" in watch.lines[-1]
    if not place.exists():
        watch.drop(patients[0])
    first.write_bytes(original)
    watch.poll(2)
    assert [row[:2] for row in status(watch, patients[0].name)] == [(patients[0].name, "done")]


def test_a_later_change_gives_a_second_result_and_keeps_the_first(watch, patients):
    place = watch.drop(patients[0])
    watch.poll(2)
    before = result_files(watch.out / patients[0].name)
    shutil.copy(next(patients[0].glob("*_1.tif")), place / f"{patients[0].name}_9.tif")  # a late file
    watch.poll(4)
    assert watch.results() == [patients[0].name, f"{patients[0].name}.2"]
    assert result_files(watch.out / patients[0].name) == before
    assert len((watch.out / f"{patients[0].name}.2" / "predictions.csv").read_text().splitlines()) == 1 + 9
    info = json.loads((watch.out / f"{patients[0].name}.2" / "drop.json").read_text())
    assert (info["drop"], info["number"]) == (patients[0].name, 2)
    assert any("has changed since it was predicted" in line for line in watch.lines)


def test_files_removed_later_change_no_result(watch, patients):
    place = watch.drop(patients[0])
    watch.poll(2)
    for path in sorted(place.iterdir())[:6]:
        path.unlink()
        watch.poll(2)
    shutil.rmtree(place)
    watch.poll(2)
    assert watch.results() == [patients[0].name]
    watch.drop(patients[0])  # the same files again; the copies keep their times
    watch.poll(3)
    assert watch.results() == [patients[0].name]


def test_two_drops_of_one_patient_give_two_results(watch, patients):
    watch.drop(patients[0], f"first/{patients[0].name}")
    watch.drop(patients[0], f"second/{patients[0].name}")
    watch.drop(patients[1], f"first.2/{patients[1].name}")
    watch.poll(2)
    assert watch.results() == ["first", "first.2", "second"]
    assert result_files(watch.out / "first") == result_files(watch.out / "second")
    (watch.drops / "first" / "more.txt").write_text("more", encoding="utf-8")
    watch.poll(2)
    assert watch.results() == ["first", "first.2", "first.3", "second"]
    assert json.loads((watch.out / "first.3" / "drop.json").read_text())["drop"] == "first"
    assert [row[0] for row in status(watch, "first.2")] == [patients[1].name]


@pytest.mark.parametrize("name", ["Müller, Ö. [1] #2", "a\nb", "x" * 200, b"\xff\xfe"])
def test_any_folder_name_is_safe(watch, patients, name):
    name = os.fsdecode(name)
    shutil.copytree(patients[0], watch.drops / name / patients[0].name)
    watch.poll(4)
    if name.isprintable() or "\n" in name:
        (result,) = watch.results()
        assert [row[:2] for row in status(watch, result)] == [(patients[0].name, "done")]
        assert result.isascii()
    else:
        assert watch.results() == []
        assert "is not a name in UTF-8; rename it" in next(iter(waiting(watch).values()))


def test_a_second_watch_is_refused_and_the_first_is_named(watch, model, detector):
    other = DropResults(watch.out, {})
    with (
        pytest.raises(UserError, match=f"{watch.out}: process 1 on here has watched drops since now; stop that one"),
        other.locked("process 2"),
    ):
        pass


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    for place, message in ((tmp_path, "holds something other"), (tmp_path / "thesis.txt", "is a file")):
        with pytest.raises(UserError, match=message), DropResults(place, {}).locked("process"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_warnings_about_a_drop_are_kept_with_its_result(watch, patients):
    watch.drop(patients[0], f"set/{patients[0].name}")
    (watch.drops / "set" / "notes").mkdir()
    (watch.drops / "set" / "notes" / "readme.txt").write_text("text", encoding="utf-8")
    watch.poll(2)
    assert "hold no patient that can be recognised" in (watch.out / "set" / "warnings.txt").read_text()
    assert watch.lines[-2].endswith("1 warnings, see warnings.txt")
