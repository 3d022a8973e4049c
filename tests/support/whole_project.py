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
# Two epochs at 32 pixels learn nothing, so the floors are off until a test raises one.
NO_FLOORS = {
    f"gate.min_{name}": 0
    for name in ("auroc", "sensitivity", "specificity", "volume_dice", "pooled_dice", "cohort_volume_dice")
}


def environment(cwd):
    """What lets a command take this environment's programs, and the code that lies in `cwd`, or else this project's."""
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": f"{cwd}:{ROOT}"}


def command(*arguments, cwd, **variables):
    """Run a command in a process of its own; `variables` differ from those of the test's environment."""
    settings = {**os.environ, **environment(cwd), **variables}
    return subprocess.run(
        [BIN / arguments[0], *arguments[1:]], cwd=cwd, env=settings, capture_output=True, text=True, check=False
    )


def settings(parameters):
    """As `-S` options; a list parameter is set for its scale, because a list can't replace a mapping."""
    for parameter, value in parameters.items():
        name = f"{parameter}.demo" if isinstance(value, list) else parameter
        yield from ("-S", f"{name}={json.dumps(value) if isinstance(value, list) else value}")


def tiny():
    """The switches that make the workflow tiny."""
    return list(settings({**TINY, **NO_FLOORS}))


def copied(folder):
    """Copy the project into `folder`; code is linked."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(ROOT / name) if (ROOT / name).is_dir() else (folder / name).write_bytes(
            (ROOT / name).read_bytes()
        )
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def copy_tracked(folder, besides=()):
    """Copy what Git has of the project, as it lies here and with times of its own, as a clone has it."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.split("/")[0] not in besides:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def commit(folder):
    """Commit all that Git does not ignore, by a made-up somebody."""
    (folder / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    subprocess.run(["git", *somebody, "commit", "-q", "-m", "project"], cwd=folder, check=True)
