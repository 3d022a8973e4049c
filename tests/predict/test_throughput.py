"""Progress of a prediction: slices per second and the time left; a log gets one line per patient, without names."""

from __future__ import annotations

import io
import re
import sys

from layered_models import write_layered
from prediction_runs import NO_OPTIONS

from components.predict.throughput import Throughput
from pipelines import predicting

LINE = re.compile(r"predict: patient (\d+) of (\d+), (\d+) slices; (\d+\.\d) slices/s, (\d+:)?\d\d:\d\d left")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_one_line_per_patient_without_names(demo_source, tmp_path, capsys):
    write_layered(tmp_path / "model")
    predicting.run((str(demo_source),), str(tmp_path / "model"), str(tmp_path / "out"), **NO_OPTIONS)
    lines = capsys.readouterr().err.splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    names = [path.name for path in demo_source.iterdir() if path.is_dir()]
    assert [int(one[1]) for one in found] == list(range(1, len(names) + 1))
    assert {int(one[2]) for one in found} == {len(names)}
    slices = (tmp_path / "out" / "predictions.csv").read_text().count("\n") - 1
    assert sum(int(one[3]) for one in found) == slices
    assert found[-1][0].endswith("00:00 left")


def test_the_time_left_is_estimated_from_the_remaining_patients(monkeypatch, capsys):
    clock = iter([0.0, 0.0, 10.0, 15.0])
    monkeypatch.setattr("components.predict.throughput.time.monotonic", lambda: next(clock))
    with Throughput(4) as throughput:
        throughput.patient(30)
        throughput.patient(0)
    progress = capsys.readouterr().err.splitlines()
    assert progress == [
        "predict: patient 1 of 4, 30 slices; 3.0 slices/s, 00:30 left",
        "predict: patient 2 of 4, 0 slices; 2.0 slices/s, 00:15 left",
    ]


def test_a_terminal_gets_one_updated_line_with_slices_per_second(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Throughput(2) as throughput:
        throughput.patient(30)
        throughput.patient(30)
    assert terminal.getvalue().count("\n") == 1
    assert re.search(r"2/2 \[.*slices/s\]", terminal.getvalue().rpartition("\r")[2])


def test_nothing_to_predict_prints_no_progress(capsys):
    with Throughput(0):
        pass
    assert capsys.readouterr().err == ""
