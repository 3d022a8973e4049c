"""A copy of the project, at tiny sizes, in which the real commands run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, TINY

BIN = Path(sys.executable).parent
FILES = [
    "dvc.yaml",
    "params.yaml",
    "pyproject.toml",
    "champion",
    "own",
    "benchmarks/quality/reference",
    "components",
    "models",
    "pipelines",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
]
# Two epochs at 32 pixels learn nothing, so the floors are off unless a test raises one.
NO_FLOORS = {
    f"gate.min_{name}": 0
    for name in ("auroc", "sensitivity", "specificity", "volume_dice", "pooled_dice", "cohort_volume_dice")
}


def environment(cwd):
    """PATH and PYTHONPATH for a command: this environment's programs, and the code in `cwd`, or else this project's."""
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": f"{cwd}:{ROOT}"}


def run_command(*arguments, cwd, **variables):
    """Run a command in its own process; `variables` override those of the test's environment."""
    merged = {**os.environ, **environment(cwd), **variables}
    return subprocess.run(
        [BIN / arguments[0], *arguments[1:]], cwd=cwd, env=merged, capture_output=True, text=True, check=False
    )


def as_options(parameters):
    """Parameters as `-S` options; a list is set for its scale only, because a list can't replace a mapping."""
    for parameter, value in parameters.items():
        name = f"{parameter}.demo" if isinstance(value, list) else parameter
        yield from ("-S", f"{name}={json.dumps(value) if isinstance(value, list) else value}")


def tiny_switches():
    """The options that make the workflow tiny."""
    return list(as_options({**TINY, **NO_FLOORS}))


def copy_project(folder):
    """Copy the project into `folder`, with links to its folders, and make it a Git repository."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(ROOT / name) if (ROOT / name).is_dir() else (folder / name).write_bytes(
            (ROOT / name).read_bytes()
        )
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def copy_tracked(folder, excluded=()):
    """Copy the files that Git tracks, with their current content and new timestamps, as in a clone."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if name.split("/")[0] not in excluded:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def commit(folder):
    """Commit everything that Git does not ignore, with a made-up author."""
    (folder / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    subprocess.run(["git", *author, "commit", "-q", "-m", "project"], cwd=folder, check=True)
