"""Kill ingest, convert or a watch and see what is left: `python killing.py ingest|convert|watch FOLDER [--random]`.

SIGKILL leaves the disk as it is. So one run checks the disk before each of its changes of a file or folder, and also
while a new file is open and still empty; other runs are really killed at some of these moments: early, late and in
between. With `--random`, runs are killed at random moments instead, when their workers may be writing, too. This is a
process of its own because it imports everything once and forks for each trial, which a test runner with threads can't.
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
from scan_writers import make_scan, write_kaggle
from tqdm import tqdm
from watch_harness import watch_once

from components.layered.reference import reference_model

PATIENTS, TIMES = 3, 20
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")


def write_sources(folder):
    """Write two sources without a common patient, so that a mixture of two runs would be noticed."""
    for source in "AB":
        for i in range(PATIENTS):
            write_kaggle(folder / source, make_scan(f"{source}{i}", slices=3))


def run_ingest(folder, source, workers=1):
    ingest_into(folder / "out", folder / source, workers=workers)


def check_ingest(found, before, after):
    """The scans are those of one run, or none; the manifest is written last, so if it exists, the scans match it."""
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

    flags, data_folder = ["--runner=FnApiRunner"], folder / f"{source}-in"
    convert(data_folder / "scans", data_folder / "splits.csv", folder / "out" / "examples", shards=1, beam_args=flags)


def check_convert(found, before, after):
    """The examples are those of one undisturbed run, or none."""
    assert found in ({}, before, after), sorted(found)


def prepare_watch(folder):
    """Write two drop folders, each with a patient of the same name."""
    for source in "AB":
        write_kaggle(folder / f"{source}-drops" / "one", make_scan(f"{source}0", slices=1, size=32))


def run_watch(folder, source, _workers=1):
    """Predict the content of a drop folder; it is read in this process, because a reading process changes no files."""
    watch_once(folder / "out", folder / f"{source}-drops", reference_model())


def check_watch(found, before, after):
    """Results delivered before are untouched; any other result is complete or absent."""
    for run in (before, found):
        assert {name: found.get(name) for name in delivered_files(before)} == delivered_files(before)
        assert {name: after.get(name) for name in delivered_files(run)} == delivered_files(run)
    for result in {name.partition("/")[0] for name in delivered_files(found)} - {".gitignore"}:
        assert {name for name in after if name.startswith(f"{result}/")} <= found.keys(), result


def delivered_files(found):
    return {name: data for name, data in found.items() if not name.startswith(".watch/")}


def read_contents(folder):
    """Files by name, except temporary ones."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(".part-")}


def restore(folder, files):
    """Restore the files of before a trial; temporary files of a killed process stay."""
    for path in folder.iterdir():
        if not path.name.startswith(".part-"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def changed_path(event, arguments):
    """The path that one of Python's audit events is about to change; None for other events."""
    if event not in CHANGES and not (event == "open" and arguments[2] & WRITES):
        return None
    path = os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else ""
    if event in ("os.remove", "os.rmdir") and arguments[1] >= 0:  # a name relative to an open folder
        path = str(Path(f"/proc/self/fd/{arguments[1]}").readlink() / path)
    return path


def call_at_changes(folder, on_change):
    """Call `on_change(path, flags)` before each change below a folder; flags are those of `open`, else None."""
    armed = True

    def hook(event, arguments):
        nonlocal armed
        path = changed_path(event, arguments) if armed else None
        if path and path.startswith(f"{folder}/"):
            armed = False  # ignores changes by `on_change` itself
            on_change(path, arguments[2] if event == "open" else None)
            armed = True

    sys.addaudithook(hook)


def kill_at_change(number, opened):
    """A callback that kills this process at change `number`; with `opened`, only opened files count, emptied first."""
    numbers = count()

    def on_change(path, flags):
        if (flags is None and opened) or next(numbers) != number:
            return
        if opened:
            os.close(os.open(path, flags | os.O_TRUNC, 0o600))
        os.kill(os.getpid(), signal.SIGKILL)

    return on_change


def check_at_every_change(check, folder, before, after, file):
    """A callback that checks the disk at every change, as a kill would leave it, and logs the kind of change."""

    def on_change(path, flags):
        try:
            check(read_contents(folder), before, after)
            if flags is not None and flags & os.O_CREAT and not Path(path).exists():
                os.close(os.open(path, flags | os.O_TRUNC, 0o600))
                check(read_contents(folder), before, after)
                Path(path).unlink()
        except Exception:  # noqa: BLE001 - any is a failure
            traceback.print_exc()
            os._exit(1)  # the tested code must not catch it
        with file.open("a") as notes:
            notes.write("changed\n" if flags is None else "opened\n")

    return on_change


def start_fork(job, *arguments, on_change=None):
    """Start a child that runs the job and exits with 1 on an error; `on_change`: arguments of `call_at_changes`."""
    child = os.fork()
    if child == 0:
        # All forks share tqdm's lock: a child killed while holding it would block the others forever.
        tqdm.set_lock(threading.RLock())
        status = 1
        try:
            if on_change:
                call_at_changes(*on_change)
            job(*arguments)
            status = 0
        finally:
            os._exit(status)
    return child


def was_killed(child):
    """Wait for a child, which must be killed or succeed; returns whether it was killed."""
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def check_every_moment(run, check, folder, before, after):
    """Check a run of B, which starts from the results of A, at every change, and kill it at some of them."""
    out, file = folder / "out", folder / "changes"
    restore(out, before)
    assert not was_killed(
        start_fork(run, folder, "B", on_change=(out, check_at_every_change(check, out, before, after, file)))
    )
    check(read_contents(out), before, after)
    changes = file.read_text().splitlines()
    opened = changes.count("opened")
    assert opened >= 3, "no change was noticed"
    last = len(changes) - 1
    for number, empty in [(1, False), (last // 2, False), (last, False), (opened // 2, True)]:
        restore(out, before)
        assert was_killed(start_fork(run, folder, "B", on_change=(out, kill_at_change(number, empty))))
        check(read_contents(out), before, after)
        if run is run_watch:  # it resumes; the others start afresh
            assert not was_killed(start_fork(run, folder, "B"))
            assert read_contents(out) == after
    print(f"looked at {len(changes)} changes", flush=True)  # otherwise every fork prints it, too


def kill_at_random_moments(run, check, folder, before, after):
    """Kill runs at random moments, a third of them with two workers; each starts from what the last one left."""
    start = time.monotonic()
    assert not was_killed(start_fork(run, folder, "A"))
    duration = time.monotonic() - start
    rng, killed, trial = random.Random(0), 0, 0
    while trial < TIMES or killed < TIMES // 2:
        trial += 1
        assert trial <= 5 * TIMES, f"only {killed} of {trial} were still at work"
        child = start_fork(run, folder, "AB"[trial % 2], 1 + trial % 3 // 2)
        time.sleep(rng.uniform(0, duration))  # the random moment
        os.kill(child, signal.SIGKILL)
        if was_killed(child):
            killed += 1
        else:
            duration *= 0.9  # the machine is less busy than in the first run
        check(read_contents(folder / "out"), before, after)
    print(f"killed {killed} of {trial} at work", flush=True)


def main(kind, folder, *options):
    """Fails if a kill left anything half-done."""
    warnings.simplefilter("ignore")
    run, check = {
        "ingest": (run_ingest, check_ingest),
        "convert": (run_convert, check_convert),
        "watch": (run_watch, check_watch),
    }[kind]
    tqdm.monitor_interval = 0  # no thread: this process forks
    write_sources(folder)
    ingest_into(folder / "once", folder / "A")  # imports everything that is imported late
    if kind != "ingest":
        {"convert": prepare_convert, "watch": prepare_watch}[kind](folder)
    gc.freeze()  # otherwise a collection in a child would copy all pages
    runs = {}
    for source in "AB" if kind == "watch" else "BA":  # a watch adds to existing results
        assert not was_killed(start_fork(run, folder, source))
        runs[source] = read_contents(folder / "out")
    before, after = runs["A"], runs["B"]
    assert before
    assert before.keys() != after.keys() or before != after
    sweep = kill_at_random_moments if "--random" in options else check_every_moment
    sweep(run, check, folder, before, after)
    assert not was_killed(start_fork(run, folder, "B"))
    assert read_contents(folder / "out") == after
    leftovers = [path.name for path in (folder / "out").iterdir() if path.name.startswith(".part-")]
    assert leftovers == [], leftovers


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
