"""Kill ingest, convert or a watch and see what is left: `python killing.py ingest|convert|watch FOLDER [--random]`.

SIGKILL leaves the disk as it is. So one run is looked at before every change of a file or a folder, and once more where
a file is open and still empty; others are killed there in earnest, early, late and in between. With `--random` runs are
killed at random moments instead, while workers of their own may write, too. A process of its own: it imports everything
once and forks for each trial, which a test runner full of threads can't.
"""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from itertools import count
from pathlib import Path

from conftest import ingest_into
from tqdm import tqdm
from watched import watch_once
from written_scans import made_up_scan, write_kaggle

from components.layered.reference import reference_model

PATIENTS, TIMES = 3, 20
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")


def write_sources(folder):
    """Two sources that share no patient, so that a mixture of two runs would show."""
    for source in "AB":
        for i in range(PATIENTS):
            write_kaggle(folder / source, made_up_scan(f"{source}{i}", slices=3))


def run_ingest(folder, source, workers=1):
    ingest_into(folder / "out", folder / source, workers=workers)


def check_ingest(found, before, after):
    """Scans are of one run, or there are none; the manifest is written last: where it is, the scans are its own."""
    scans = {name: data for name, data in found.items() if name.startswith("scans/")}
    runs = [run for run in (before, after) if all(data == run.get(name) for name, data in scans.items())]
    assert runs, sorted(scans)
    assert len(scans) in (0, 2 * PATIENTS)
    if "manifest.csv" in found:
        assert any(scans and found["manifest.csv"] == run["manifest.csv"] for run in runs)


def prepare_convert(folder):
    import tensorflow  # noqa: F401

    import components.convert.stage  # noqa: F401
    from components.split.rule import SplitRule
    from components.split.stage import split

    for source in "AB":
        ingest_into(folder / f"{source}-in", folder / source)
        files = (folder / f"{source}-in" / f"{name}.csv" for name in ("manifest", "splits", "ledger"))
        split(*files, SplitRule(0.2, 0.2, 2, 1))


def run_convert(folder, source, _workers=1):
    from components.convert.stage import convert

    flags, given = ["--runner=FnApiRunner"], folder / f"{source}-in"
    convert(given / "scans", given / "splits.csv", folder / "out" / "examples", shards=1, beam_args=flags)


def check_convert(found, before, after):
    """There are the examples of one undisturbed run, or none."""
    assert found in ({}, before, after), sorted(found)


def prepare_watch(folder):
    """Two drop folders with a patient of the same name."""
    for source in "AB":
        write_kaggle(folder / f"{source}-drops" / "one", made_up_scan(f"{source}0", slices=1, size=32))


def run_watch(folder, source, _workers=1):
    """Predict what lies in a drop folder, reading in this process: the other one changes no file."""
    watch_once(folder / "out", folder / f"{source}-drops", reference_model())


def check_watch(found, before, after):
    """What was delivered before is untouched; anything else is there as a whole, or not at all."""
    for run in (before, found):
        assert {name: found.get(name) for name in delivered(before)} == delivered(before)
        assert {name: after.get(name) for name in delivered(run)} == delivered(run)
    for result in {name.partition("/")[0] for name in delivered(found)} - {".gitignore"}:
        assert {name for name in after if name.startswith(f"{result}/")} <= found.keys(), result


def delivered(found):
    return {name: data for name, data in found.items() if not name.startswith(".watch/")}


def contents(folder):
    """Files by name, but for those that still are, or were, in the making."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(".part-")}


def restore(folder, files):
    """Bring back what was there before a trial; what a killed process has left in the making stays."""
    for path in folder.iterdir():
        if not path.name.startswith(".part-"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def changed(event, arguments):
    """The path that an event of Python's audit changes; None for other events."""
    if event not in CHANGES and not (event == "open" and arguments[2] & WRITES):
        return None
    path = os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else ""
    if event in ("os.remove", "os.rmdir") and arguments[1] >= 0:  # its name in an open folder
        path = str(Path(f"/proc/self/fd/{arguments[1]}").readlink() / path)
    return path


def at_changes(folder, meet):
    """Let this process call `meet(path, flags)` before each change below a folder; flags are those of an `open`."""
    armed = True

    def hook(event, arguments):
        nonlocal armed
        path = changed(event, arguments) if armed else None
        if path and path.startswith(f"{folder}/"):
            armed = False  # for what `meet` itself does
            meet(path, arguments[2] if event == "open" else None)
            armed = True

    sys.addaudithook(hook)


def kill_at(number, opened):
    """What meets change `number` with SIGKILL; `opened` counts files only, and kills when one is there, and empty."""
    numbers = count()

    def meet(path, flags):
        if (flags is None and opened) or next(numbers) != number:
            return
        if opened:
            os.close(os.open(path, flags | os.O_TRUNC, 0o600))
        os.kill(os.getpid(), signal.SIGKILL)

    return meet


def look_at(check, folder, before, after, file):
    """What checks the disk at every change, as a kill would leave it, and notes in a file what change it was."""

    def meet(path, flags):
        try:
            check(contents(folder), before, after)
            if flags is not None and flags & os.O_CREAT and not Path(path).exists():
                os.close(os.open(path, flags | os.O_TRUNC, 0o600))
                check(contents(folder), before, after)
                Path(path).unlink()
        except Exception:  # noqa: BLE001 - any is a finding
            traceback.print_exc()
            os._exit(1)  # the code that runs must not get hold of it
        with file.open("a") as notes:
            notes.write("changed\n" if flags is None else "opened\n")

    return meet


def forked(job, *arguments, meets=None):
    """Start a child that runs the job, perhaps with what `at_changes` takes; a failure of its own is exit status 1."""
    child = os.fork()
    if child == 0:
        # tqdm's own lock is shared by all forks: a child killed while it holds that would stop the others for ever.
        tqdm.set_lock(threading.RLock())
        status = 1
        try:
            if meets:
                at_changes(*meets)
            job(*arguments)
            status = 0
        finally:
            os._exit(status)
    return child


def was_killed(child):
    """Wait for a child; it must have been killed, or end well."""
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def every_moment(run, check, folder, before, after):
    """Each run of B starts from that of A as it was left."""
    out, file = folder / "out", folder / "changes"
    restore(out, before)
    assert not was_killed(forked(run, folder, "B", meets=(out, look_at(check, out, before, after, file))))
    check(contents(out), before, after)
    changes = file.read_text().splitlines()
    opened = changes.count("opened")
    assert opened >= 3, "no change was noticed"
    last = len(changes) - 1
    for number, empty in [(1, False), (last // 2, False), (last, False), (opened // 2, True)]:
        restore(out, before)
        assert was_killed(forked(run, folder, "B", meets=(out, kill_at(number, empty))))
        check(contents(out), before, after)
        if run is run_watch:  # which goes on; the others begin anew
            assert not was_killed(forked(run, folder, "B"))
            assert contents(out) == after
    print(f"looked at {len(changes)} changes", flush=True)  # or every fork prints it, too


def random_moments(run, check, folder, before, after):
    """A third of the trials with workers of their own; each goes on with what the last has left."""
    began = time.monotonic()
    assert not was_killed(forked(run, folder, "A"))
    took = time.monotonic() - began
    rng, killed, trial = random.Random(0), 0, 0
    while trial < TIMES or killed < TIMES // 2:
        trial += 1
        assert trial <= 5 * TIMES, f"only {killed} of {trial} were still at work"
        child = forked(run, folder, "AB"[trial % 2], 1 + trial % 3 // 2)
        time.sleep(rng.uniform(0, took))  # the random moment
        os.kill(child, signal.SIGKILL)
        if was_killed(child):
            killed += 1
        else:
            took *= 0.9  # the machine has less to do than in the first run
        check(contents(folder / "out"), before, after)
    print(f"killed {killed} of {trial} at work", flush=True)


def main(kind, folder, *options):
    """Exit status 0 where every kill left nothing half-done."""
    warnings.simplefilter("ignore")
    run, check = {
        "ingest": (run_ingest, check_ingest),
        "convert": (run_convert, check_convert),
        "watch": (run_watch, check_watch),
    }[kind]
    tqdm.monitor_interval = 0  # no thread: this process forks
    write_sources(folder)
    ingest_into(folder / "once", folder / "A")  # all that it imports late is there for the children
    if kind != "ingest":
        {"convert": prepare_convert, "watch": prepare_watch}[kind](folder)
    gc.freeze()  # else a collection in a child would copy all pages
    runs = {}
    for source in "AB" if kind == "watch" else "BA":  # a watch adds to what is there
        assert not was_killed(forked(run, folder, source))
        runs[source] = contents(folder / "out")
    before, after = runs["A"], runs["B"]
    assert before
    assert before.keys() != after.keys() or before != after
    sweep = random_moments if "--random" in options else every_moment
    sweep(run, check, folder, before, after)
    assert not was_killed(forked(run, folder, "B"))
    assert contents(folder / "out") == after
    left = [path.name for path in (folder / "out").iterdir() if path.name.startswith(".part-")]
    assert left == [], left


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
