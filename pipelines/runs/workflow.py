"""The whole workflow in one call: write settings to params.yaml, let DVC run what they change, show the result."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

from components.common import params, yaml_text
from components.common.errors import UserError
from components.common.files import atomic_file
from components.registry.git import NoRepositoryError, git
from pipelines import paths
from pipelines.checks import ineffective_parameters
from pipelines.checks.data_sources import check_sources
from pipelines.checks.known_patients import check_tested
from pipelines.checks.library_checks import check_libraries
from pipelines.checks.preflight import check_files, gate_warnings
from pipelines.checks.recorded_ledger import check_ledger
from pipelines.editing.params_text import put
from pipelines.processes.forwarding import run_forwarding_signals
from pipelines.processes.run_lock import alone
from pipelines.runs import times
from pipelines.runs.run_summary import summary

PARAMS = Path("params.yaml")


def run(settings: list[str]) -> int:
    """Call `run_alone` if no other run is working here.

    Raises:
        UnderWayError: another run is working here.
    """
    require_repository()
    with alone():
        return run_alone(settings)


def run_alone(settings: list[str]) -> int:
    """Apply the settings, run `dvc repro` and print the result, inside `alone`; returns 0, or 2 if a stage failed."""
    began = time.time()
    chosen, changes = apply(settings)
    print("".join(f"{PARAMS}: {line}\n" for line in changes), end="", flush=True)
    if run_forwarding_signals([dvc(), "repro", *_targets(chosen)]):
        return 2
    print("\n" + summary(began))
    return 0


def apply(settings: list[str], *, ready: bool = True) -> tuple[params.Params, list[str]]:
    """Set parameters in params.yaml, keeping its other lines; if anything is wrong, the file stays as it was.

    Args:
        settings: assignments, `name=value`.
        ready: whether a run is to follow, for which the source, the files named in params.yaml and a required GPU
            must be here, and no training may start from a network that knows a test patient.

    Returns:
        All parameters; and, in words, the changes, which of them have no effect on a run, and what is unlikely to pass
        the gate.
    """
    before = yaml_text.read_text(PARAMS, "not here; run glioflow inside the project")
    params.parse(yaml_text.parse(before, str(PARAMS)), str(PARAMS))  # what was wrong before is not the settings' fault
    text, changes = put(before, settings, str(PARAMS))
    tree = yaml_text.parse(text, str(PARAMS))
    chosen = params.parse(tree, str(PARAMS))
    params.check_paths(tree)
    if ready:
        check(chosen, tree)
    if changes:
        _write(text)
    if ready:
        try:
            check_tested(chosen)
            check_libraries(chosen)  # compares what is written with the last run: a trained network needs none of it
        except UserError:
            if changes:
                _write(before)
            raise
    names = dict.fromkeys(setting.partition("=")[0].strip() for setting in settings)
    return chosen, [*changes, *ineffective_parameters.notes(names, chosen), *gate_warnings(chosen)]


def _write(text: str) -> None:
    """Write params.yaml; if it is a link, the file to which it leads."""
    with atomic_file(PARAMS.resolve()) as part:
        part.write_bytes(text.encode())


def check(chosen: params.Params, tree: dict[str, Any]) -> None:
    """Refuse, before the first stage, what no stage could use or a stage would use wrongly.

    That is a missing source, unusable files named in params.yaml, and scans or a ledger that Git has left behind.

    A quick check, because every run makes it.

    Args:
        chosen: the parameters.
        tree: the same, as written in params.yaml.
    """
    check_files(chosen, tree)
    check_sources(tree)
    check_ledger(chosen)
    if Path(chosen.source) != paths.DEMO:
        from components.sources.presence import check_source

        check_source(chosen.source)


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


def dvc() -> str:
    """The command `dvc` of this environment."""
    return shutil.which("dvc", path=str(Path(sys.executable).parent)) or "dvc"
