"""Results of a watch: one for each state of a drop, whole, never changed, of any name, of a failure too."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from watched import files, status, waiting

from components.common.errors import UserError
from components.predict.checked_reading import read_one
from components.predict.deliveries import Deliveries
from pipelines import predicting

NOTHING = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}


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


def test_a_drop_may_be_called_as_the_watch_calls_its_own_files(watch, patients):
    watch.drop(patients[0], f"waiting.csv/{patients[0].name}")
    (watch.drop(patients[1]) / "x.part").touch()
    watch.look(3)
    assert watch.results() == ["waiting.csv-drop"]
    assert list(waiting(watch)) == [patients[1].name]


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
    ((name, done, notes),) = status(watch, patients[1].name)
    assert (name, done) == (patients[1].name, "done")
    assert "no T1 before contrast agent; FLAIR stands in for it" in notes
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
    assert "changed while it was being predicted" in watch.lines[-1]
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


def test_a_second_one_is_told_who_holds_the_folder(watch, model, detector):
    other = Deliveries(watch.out, {})
    with (
        pytest.raises(UserError, match=f"{watch.out}: process 1 on here has watched drops since now; stop that one"),
        other.alone("process 2"),
    ):
        pass


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    for place, words in ((tmp_path, "holds something other"), (tmp_path / "thesis.txt", "is a file")):
        with pytest.raises(UserError, match=words), Deliveries(place, {}).alone("process"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_warnings_about_a_drop_are_kept_with_its_result(watch, patients):
    watch.drop(patients[0], f"set/{patients[0].name}")
    (watch.drops / "set" / "notes").mkdir()
    (watch.drops / "set" / "notes" / "readme.txt").write_text("text", encoding="utf-8")
    watch.look(2)
    assert "hold no patient that can be recognised" in (watch.out / "set" / "warnings.txt").read_text()
    assert watch.lines[-2].endswith("1 warnings, see warnings.txt")
