"""A watch over real files with a real model, whose clock and looks a test moves by hand."""

from __future__ import annotations

import csv
import shutil
from contextlib import contextmanager
from itertools import count

from components.layered.record import digest
from components.predict.checked_reading import read_one
from components.predict.deliveries import Deliveries
from components.predict.detector import Detector
from components.predict.drop_run import DropRun
from components.predict.watch import Watch

SETTLE = 60


class Watched:
    """A drop folder, an output folder, and what was said.

    Args:
        folder: where both lie.
        model, detector: the model and the same loaded.
        read: function that reads a patient.
    """

    def __init__(self, folder, model, detector, read=read_one):
        self.drops, self.out = folder / "drops", folder / "out"
        self.drops.mkdir(exist_ok=True)
        self.now, self.lines, self.stop = 0.0, [], False
        self.deliveries = Deliveries(self.out, {"model": digest(model), "overlays": False, "doubt": False})
        predict = DropRun(
            model,
            digest(model),
            detector,
            lambda *arguments: self.read(*arguments),
            overlays=False,
            say=self.lines.append,
            stopping=lambda: self.stop,
        )
        self.read = read
        self.watch = Watch(
            self.drops,
            self.deliveries,
            predict,
            settle=SETTLE,
            say=self.lines.append,
            stopping=lambda: self.stop,
            clock=lambda: self.now,
        )

    def drop(self, patient, name=None):
        """Copy a patient's folder into the drop folder."""
        return shutil.copytree(patient, self.drops / (name or patient.name))

    def look(self, times=1, after=SETTLE):
        """Look so many times, with so many seconds between two looks."""
        for _ in range(times):
            self.watch.step()
            self.now += after

    def results(self):
        """Names of the results."""
        return sorted(path.name for path in self.out.iterdir() if path.is_dir() and path.name != ".watch")

    def making(self):
        """What lies half-made among the notes."""
        return [path.name for path in (self.out / ".watch").glob("making-*")]


@contextmanager
def watched(folder, model, detector, **options):
    """Yield a watch that holds its lock; at the end no name may stand in its log."""
    made = Watched(folder, model, detector, **options)
    with made.deliveries.alone("process 1 on here has watched drops since now"):
        yield made
    log = "\n".join(made.lines)
    assert "DEMO" not in log
    assert "TCGA" not in log
    assert ".tif" not in log


def status(watch, result):
    """Name, status and notes of each patient of a result."""
    with (watch.out / result / "patients.csv").open(newline="", encoding="utf-8") as file:
        return [(row["patient"], row["status"], row["notes"]) for row in csv.DictReader(file)]


def waiting(watch):
    """Drops that are waited for, and why."""
    path = watch.out / "waiting.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return dict(list(csv.reader(file))[1:])


def watch_once(out, drops, model):
    """Predict whatever lies in a drop folder, and end."""
    now = count(step=SETTLE)
    deliveries = Deliveries(out, {"model": digest(model)})
    with deliveries.alone("process 1"):
        predict = DropRun(
            model, digest(model), Detector(model), read_one, overlays=True, say=lambda _: None, stopping=lambda: False
        )
        watch = Watch(drops, deliveries, predict, settle=SETTLE, say=lambda _: None, clock=lambda: next(now))
        watch.step()
        watch.step()


def files(folder):
    """The files of a result, but for what only a watch writes."""
    found = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {str(path): data for path, data in found.items() if path.name != "drop.json"}
