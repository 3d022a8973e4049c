"""The whole workflow in one call: write settings to params.yaml, let DVC run what they change, show the result."""

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
from typing import Any

from components.common import params, yaml_text
from components.common.errors import UserError
from components.common.files import atomic_file, read_result
from components.common.yaml_text import read_yaml
from components.registry.git import NoRepositoryError, git
from pipelines import inert, knobs, paths, times
from pipelines.beforehand import check_files
from pipelines.forwarding import kept_open, run_forwarding_signals
from pipelines.trial import check_libraries

PARAMS = Path("params.yaml")


def apply(settings: list[str], *, check_source: bool = True) -> list[str]:
    """Set `knob=value` pairs in params.yaml, keeping its other lines; a wrong pair leaves the file unchanged.

    Args:
        settings: pairs to set.
        check_source: whether the source must exist.

    Returns:
        The changes, in words, and which of them have no effect on a run.
    """
    params.load(PARAMS)
    text, changes = knobs.put(yaml_text.read_text(PARAMS), settings, str(PARAMS))
    tree = yaml_text.parse(text, str(PARAMS))
    chosen = params.parse(tree, str(PARAMS))
    params.check_paths(tree)
    if check_source:
        check(chosen, tree)
    _write(text.encode())
    return [*changes, *inert.notes(dict.fromkeys(setting.partition("=")[0].strip() for setting in settings), chosen)]


def _write(content: bytes) -> None:
    """Write params.yaml; if it is a link, the file to which it leads."""
    with atomic_file(PARAMS.resolve()) as part:
        part.write_bytes(content)


def check(chosen: params.Params, tree: dict[str, Any]) -> None:
    """Refuse a missing source, or files named in params.yaml that no stage could use, before the first stage.

    A quick check, because every run makes it.

    Args:
        chosen: the parameters.
        tree: the same, as written in params.yaml.
    """
    check_files(chosen, tree)
    if Path(chosen.source) != paths.DEMO:
        from components.sources.presence import check_source

        check_source(chosen.source)


def run(settings: list[str]) -> int:
    """Call `run_alone` if no other run is working here.

    Raises:
        UnderWayError: another run is working here.
    """
    require_repository()
    with alone():
        return run_alone(settings)


def run_alone(settings: list[str]) -> int:
    """Check the parameters and the source, then run `dvc repro`, inside `alone`; returns 0, or 2 if a stage failed."""
    began, before = time.time(), PARAMS.read_bytes() if PARAMS.exists() else b""
    changes: list[str] = []
    if settings:  # which are checked before they are written
        changes = apply(settings)
    else:
        tree = read_yaml(PARAMS, "not here; run glioflow in the project's top folder")
        chosen = params.parse(tree, str(PARAMS))
        params.check_paths(tree)
        check(chosen, tree)
    chosen = params.load(PARAMS)
    try:
        check_libraries(chosen)
    except UserError:
        if settings:
            _write(before)
        raise
    print("".join(f"{PARAMS}: {line}\n" for line in changes), end="", flush=True)
    status = run_forwarding_signals([dvc(), "repro", *_targets(chosen)])
    if status == 0:
        print("\n" + summary(began))
    return 2 if status else 0


def require_repository() -> None:
    """Refuse to let DVC work in a project without a Git repository, unless DVC is configured to do without.

    Raises:
        UserError: there is no repository, or Git does not trust it.
    """
    if not Path(".dvc").is_dir():  # DVC will report that
        return
    try:
        git("rev-parse", "--git-dir")
    except NoRepositoryError:
        from dvc.config import Config

        if not Config.from_cwd(validate=False).get("core", {}).get("no_scm"):
            raise


def _targets(chosen: params.Params) -> list[str]:
    """Arguments for `dvc repro`: none, which means all stages, or those needed for a user's own source."""
    return [] if Path(chosen.source) == paths.DEMO else [name for name in times.stage_names() if name != "demo"]


class UnderWayError(UserError):
    """Another run is working in the same folder."""


@contextmanager
def alone(verb: str = "run") -> Iterator[None]:
    """Let one run at a time work here.

    The kernel holds the lock: it is released when this process and the commands it runs have ended, however they do.

    Args:
        verb: name of this activity, shown to others.

    Raises:
        UnderWayError: another run is working here; says since when.
    """
    if not Path(".dvc").is_dir():  # DVC will report that, and nothing can run
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
        with kept_open(file.fileno()):
            yield


def dvc() -> str:
    """The command `dvc` of this environment."""
    return shutil.which("dvc", path=str(Path(sys.executable).parent)) or "dvc"


def number(value: float | None) -> str:
    """Format a score for people."""
    return "not measured" if value is None else f"{value:.3f}"


def summary(since: float | None = None) -> str:
    """Verdict, headline numbers, durations of the stages and path of the report of the last run.

    Args:
        since: see `times.last_run`.
    """
    from components.registry import pushed  # it imports GTO, whose import closes all log handlers

    metrics = read_result(paths.METRICS, "layered", "classifier", "data")
    verdict = read_result(paths.BLESSING / "verdict.json", "verdict", "reasons")
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
        ("Registry", pushed.in_words()),
        *_stages(times.last_run(since)),
        ("Report", str(paths.REPORT.resolve())),
    ]
    return "\n".join(f"{name:<26}{value}" for name, value in rows)


def _stages(run: times.LastRun) -> Iterator[tuple[str, str]]:
    """Rows about the stages: which ran and for how many seconds, and which did not."""
    took = [f"{stage} {seconds:.0f}" for stage, seconds in run.seconds.items()]
    if took:
        took.append(f"all {sum(run.seconds.values()):.0f}")
    for name, stages in (("Stages, seconds", took), ("Unfinished", run.unfinished), ("Up to date", run.up_to_date)):
        lines = textwrap.wrap(", ".join(stages), 94, break_on_hyphens=False)
        yield from ((name if line is lines[0] else "", line) for line in lines)
