"""A watch on real files with a real model, whose clock and polling the test controls."""

from __future__ import annotations

import csv
import shutil
from contextlib import contextmanager
from itertools import count

from components.layered.record import digest
from components.predict.checked_reading import read_one
from components.predict.detector import Detector
from components.predict.drop_results import DropResults
from components.predict.drop_run import DropRun
from components.predict.run_options import RunOptions
from components.predict.watch import Watch

SETTLE = 60


class Watched:
    """A watch with its drop folder, output folder and log lines.

    Args:
        folder: parent of both folders.
        model, detector: folder of the model, and the loaded model.
        read: function that reads a patient.
    """

    def __init__(self, folder, model, detector, read=read_one):
        self.drops, self.out = folder / "drops", folder / "out"
        self.drops.mkdir(exist_ok=True)
        self.now, self.lines, self.stop = 0.0, [], False
        self.drop_results = DropResults(self.out, {"model": digest(model), "overlays": False, "doubt": False})
        predict = DropRun(
            model,
            digest(model),
            detector,
            lambda *arguments: self.read(*arguments),
            options=RunOptions(),
            log=self.lines.append,
            stopping=lambda: self.stop,
        )
        self.read = read
        self.watch = Watch(
            self.drops,
            self.drop_results,
            predict,
            settle=SETTLE,
            log=self.lines.append,
            stopping=lambda: self.stop,
            clock=lambda: self.now,
        )

    def drop(self, patient, name=None):
        """Copy a patient's folder into the drop folder."""
        return shutil.copytree(patient, self.drops / (name or patient.name))

    def poll(self, times=1, after=SETTLE):
        """Poll this many times; the clock advances by `after` seconds after each."""
        for _ in range(times):
            self.watch.step()
            self.now += after

    def results(self):
        """Names of the results."""
        return sorted(path.name for path in self.out.iterdir() if path.is_dir() and path.name != ".watch")

    def unfinished(self):
        """Unfinished results in the state folder."""
        return [path.name for path in (self.out / ".watch").glob("making-*")]


@contextmanager
def watched(folder, model, detector, **options):
    """Yield a watch that holds its lock; at the end, its log must not contain any name."""
    harness = Watched(folder, model, detector, **options)
    with harness.drop_results.locked("process 1 on here has watched drops since now"):
        yield harness
    log = "\n".join(harness.lines)
    assert "DEMO" not in log
    assert "TCGA" not in log
    assert ".tif" not in log


def status(watch, result):
    """Name, status and notes of each patient of a result."""
    with (watch.out / result / "patients.csv").open(newline="", encoding="utf-8") as file:
        return [(row["patient"], row["status"], row["notes"]) for row in csv.DictReader(file)]


def waiting(watch):
    """Drops that the watch waits for, with the reasons."""
    path = watch.out / "waiting.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return dict(list(csv.reader(file))[1:])


def watch_once(out, drops, model):
    """Predict the content of a drop folder once."""
    now = count(step=SETTLE)
    results = DropResults(out, {"model": digest(model)})
    with results.locked("process 1"):
        predict = DropRun(
            model,
            digest(model),
            Detector(model),
            read_one,
            options=RunOptions(overlays=True),
            log=lambda _: None,
            stopping=lambda: False,
        )
        watch = Watch(drops, results, predict, settle=SETTLE, log=lambda _: None, clock=lambda: next(now))
        watch.step()
        watch.step()


def result_files(folder):
    """The files of a result, except the one that only a watch writes."""
    found = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {str(path): data for path, data in found.items() if path.name != "drop.json"}
