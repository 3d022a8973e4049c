"""`glioflow predict --watch`."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import click

from components.common.errors import UserError
from pipelines.predicting import chosen_model

SECONDS = 10.0  # maximum polling interval


def run(folder: str, model: str, out: str, *, engine: str | None, overlays: bool, doubt: bool, settle: float) -> None:
    """Predict what is dropped into a folder, until SIGTERM, SIGHUP or ctrl-C; the patient under way is finished."""
    place, target = Path(folder), Path(out)
    _check(place, target)
    layered = chosen_model(model, engine)
    from components.io.process_pool import WorkerProcess
    from components.layered.record import digest
    from components.predict.checked_reading import lost, read_one
    from components.predict.detector import Detector
    from components.predict.drop_results import DropResults
    from components.predict.drop_run import DropRun
    from components.predict.run_options import RunOptions
    from components.predict.watch import Watch

    options = RunOptions(engine, doubt, overlays)
    sha, detector = digest(layered), Detector(layered, doubt, engine)
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    words = f"process {os.getpid()} on {socket.gethostname()} has watched {place.resolve()} since {now}"
    results = DropResults(target, {"model": sha, **vars(options)})
    reader = WorkerProcess(read_one, lambda job, *_: lost(job))
    with results.locked(words), _ending() as end, closing(reader):
        predict = DropRun(layered, sha, detector, reader, options=options, log=click.echo, stopping=end.is_set)
        watch = Watch(place, results, predict, settle=settle, log=click.echo, stopping=end.is_set)
        click.echo(f"watching {place}; results go to {target}")
        watch.run(lambda: end.wait(min(SECONDS, max(settle / 4, 0.1))))
    click.echo("stopped")


def _check(place: Path, target: Path) -> None:
    if "://" in str(place) or ":/" in str(place):
        raise UserError(f"{place}: --watch needs a folder of this machine; mount the share or bucket")
    if not place.is_dir():
        raise UserError(f"{place}: no such folder; give the one into which patients are dropped")
    inner, outer = target.resolve(), place.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise UserError(f"{target}: results can't lie in the drop folder, nor around it; give another with --out")


@contextmanager
def _ending() -> Iterator[threading.Event]:
    """Yield an event that the signals to stop set, but for those that are ignored, as `nohup` arranges for SIGHUP."""
    end = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: end.set())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
