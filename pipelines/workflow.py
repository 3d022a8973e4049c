"""The whole workflow in one call: write the switches to params.yaml, let DVC run what they change, show the result."""

from __future__ import annotations

import fcntl
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from components import params
from components.errors import UserError
from components.files import atomic_file, read_json
from components.yaml_file import read_yaml
from pipelines import stages, times
from pipelines.beforehand import check_files, check_gpu
from pipelines.family import call

PARAMS = Path("params.yaml")


def apply(settings: list[str], *, look: bool = True) -> None:
    """Set `knob=value` pairs in params.yaml, keeping its comments; a wrong one leaves the file as it was.

    Args:
        look: whether the source has to be here.
    """
    params.load(PARAMS)
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides

    with atomic_file(PARAMS) as part:
        shutil.copy(PARAMS, part)
        try:
            apply_overrides(part, settings)
        except InvalidArgumentError as error:
            raise UserError(f"{PARAMS}: can't set {' '.join(settings)}; write knob=value with a knob it has") from error
        tree = read_yaml(part, "gone")
        chosen = params.parse(tree, str(PARAMS))
        params.check_paths(tree)
        if look:
            check(chosen)


def check(chosen: params.Params) -> None:
    """Refuse a source, or another file that params.yaml names, that isn't there now, and not after the first stages."""
    check_files(chosen)
    if Path(chosen.source) != stages.DEMO:
        from components.sources import open_source

        with open_source(chosen.source):
            pass


def run(settings: list[str]) -> int:
    """Do `run_alone` where nobody else is at work.

    Raises:
        UnderWayError: another run is at work here.
    """
    with alone():
        return run_alone(settings)


def run_alone(settings: list[str]) -> int:
    """Check the parameters and the source first, then `dvc repro`, inside of `alone`; 0, or 2 where a stage failed."""
    began, before = time.time(), PARAMS.read_bytes() if PARAMS.exists() else b""
    if settings:
        apply(settings)
    chosen = params.load(PARAMS)
    params.check_paths(read_yaml(PARAMS, "gone"))
    check(chosen)
    try:
        check_gpu(chosen)
    except UserError:
        if settings:
            with atomic_file(PARAMS) as part:
                part.write_bytes(before)
        raise
    status = call([dvc(), "repro", *_targets(chosen)])
    if status == 0:
        print("\n" + summary(began))
    return 2 if status else 0


def _targets(chosen: params.Params) -> list[str]:
    """What to hand to `dvc repro`: nothing, which means all stages, or those that a source of one's own asks for."""
    return [] if Path(chosen.source) == stages.DEMO else [name for name in times.stage_names() if name != "demo"]


class UnderWayError(UserError):
    """Another run is at work in the same folder."""


@contextmanager
def alone(verb: str = "run") -> Iterator[None]:
    """Let one run at a time work here. The lock is the kernel's: it is gone with the process, however that ends.

    Args:
        verb: what is under way meanwhile; others are told.

    Raises:
        UnderWayError: another one is at work; tells since when.
    """
    if not Path(".dvc").is_dir():  # DVC will say so, and nothing can run
        yield
        return
    folder = Path(".dvc/tmp")
    folder.mkdir(exist_ok=True)
    with (folder / "glioflow.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise UnderWayError(
                f"another run is under way here since {file.read().strip()}; wait until it ends"
            ) from error
        file.truncate(0)
        others = "" if verb == "run" else f" ({verb})"
        file.write(datetime.now().astimezone().isoformat(" ", "seconds") + others)
        file.flush()
        yield


def dvc() -> str:
    """The command `dvc` of this environment."""
    return shutil.which("dvc", path=str(Path(sys.executable).parent)) or "dvc"


def number(value: float | None) -> str:
    """A score as people read it."""
    return "not measured" if value is None else f"{value:.3f}"


def summary(since: float | None = None) -> str:
    """Verdict, headline numbers, seconds of the stages and the report's path of the last run.

    Args:
        since: see `times.last_run`.
    """
    metrics = read_json(stages.METRICS)
    verdict = read_json(stages.BLESSING / "verdict.json")
    layered = metrics["layered"]
    interval = (
        f"95 % interval {number(layered['volume_dice_mean_low95'])} to {number(layered['volume_dice_mean_high95'])}"
    )
    rows = [
        ("Data", f"{layered['patients']} test patients" + (", SYNTHETIC" if metrics["data"] == "synthetic" else "")),
        ("Classifier AUROC, slices", number(metrics["classifier"]["auroc"])),
        ("Volume Dice, mean", f"{number(layered['volume_dice_mean'])}  ({interval})"),
        ("Volume Dice, median", number(layered["volume_dice_median"])),
        ("Verdict", verdict["verdict"]),
        *(("", reason) for reason in verdict["reasons"]),
        ("Registry", stages.pushed_in_words()),
        *_stages(times.last_run(since)),
        ("Report", str(stages.REPORT.resolve())),
    ]
    return "\n".join(f"{name:<26}{value}" for name, value in rows)


def _stages(run: times.LastRun) -> Iterator[tuple[str, str]]:
    """Rows about the stages: which ran and for how many seconds, and which did not."""
    took = [f"{stage} {seconds:.0f}" for stage, seconds in run.seconds.items()]
    if took:
        took.append(f"all {sum(run.seconds.values()):.0f}")
    for name, told in (("Stages, seconds", took), ("Unfinished", run.unfinished), ("Up to date", run.up_to_date)):
        lines = textwrap.wrap(", ".join(told), 94, break_on_hyphens=False)
        yield from ((name if line is lines[0] else "", line) for line in lines)
