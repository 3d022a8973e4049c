"""Kill ingest or convert at random moments and look at what is left: `python killing.py ingest|convert FOLDER`.

A process of its own: it imports everything once and forks for each trial, which a test runner full of threads can't.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

from conftest import ingest_into
from tqdm import tqdm
from written_scans import made_up_scan, write_kaggle

from components.convert import convert
from components.deal import Rule
from components.scans.files import read_scan
from components.split import split
from components.tables import read_manifest

TIMES = 20


def write_sources(folder):
    """Two sources that share no patient, so that a mixture of two runs would show."""
    for source in "AB":
        for i in range(6):
            write_kaggle(folder / source, made_up_scan(f"{source}{i}", size=96))


def run_ingest(folder, trial):
    ingest_into(folder / "out", folder / "AB"[trial % 2], workers=1 + trial % 3 // 2)


def check_ingest(folder):
    """The manifest is written last: where it is, it and the scans are of one run, and whole."""
    if not (folder / "out" / "manifest.csv").exists():
        return
    manifest = read_manifest(folder / "out" / "manifest.csv")
    scans = {path.name.split(".")[0].removesuffix("_mask") for path in (folder / "out" / "scans").iterdir()}
    assert scans == set(manifest["patient"])
    assert len(scans) == 6
    for patient, rows in manifest.groupby("patient"):
        scan = read_scan(folder / "out" / "scans", patient)
        assert len(scan.image) == len(scan.mask) == len(rows)


def run_convert(folder, trial):
    flags = ["--runner=FnApiRunner"]
    convert(folder / "scans", folder / "splits.csv", folder / "out" / "examples", shards=2, beam_args=flags)


def check_convert(folder):
    """There are the examples of an undisturbed run, or none."""
    if (folder / "out" / "examples").exists():
        found = {path.name: path.read_bytes() for path in (folder / "out" / "examples").rglob("*.gz")}
        assert found == {path.name: path.read_bytes() for path in (folder / "expected").rglob("*.gz")}


def forked(job, *arguments):
    """Start a child that runs the job; a failure of its own is exit status 1."""
    child = os.fork()
    if child == 0:
        # tqdm's own lock is shared by all forks: a child killed while it holds that would stop the others for ever.
        tqdm.set_lock(threading.RLock())
        status = 1
        try:
            job(*arguments)
            status = 0
        finally:
            os._exit(status)
    return child


def main(kind, folder):
    """Exit status 0 where every kill left nothing half-done."""
    warnings.simplefilter("ignore")
    run, check = {"ingest": (run_ingest, check_ingest), "convert": (run_convert, check_convert)}[kind]
    write_sources(folder)
    if kind == "convert":
        ingest_into(folder, folder / "A")
        split(folder / "manifest.csv", folder / "splits.csv", folder / "ledger.csv", Rule(0.2, 0.2, 2, 1))
    began = time.monotonic()
    assert os.waitpid(forked(run, folder, 0), 0)[1] == 0
    took = time.monotonic() - began
    if kind == "convert":
        (folder / "out" / "examples").rename(folder / "expected")
    rng, killed, trial = random.Random(0), 0, 0
    while trial < TIMES or killed < TIMES // 2:
        trial += 1
        assert trial <= 5 * TIMES, f"only {killed} of {trial} were still at work"
        child = forked(run, folder, trial)
        time.sleep(rng.uniform(0, took))  # the random moment
        os.kill(child, signal.SIGKILL)
        if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            killed += 1
        else:
            took *= 0.9  # the machine has less to do than in the first run
        check(folder)
    assert os.waitpid(forked(run, folder, 0), 0)[1] == 0
    check(folder)
    left = [path.name for path in (folder / "out").iterdir() if path.name.startswith(".part-")]
    assert left == [], left
    print(f"{killed} of {trial} killed at work")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
