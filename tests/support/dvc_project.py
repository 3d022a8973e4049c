"""Git repositories with DVC, made by the real commands; the DVC remote is in the bucket of gcs_server.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def isolate(monkeypatch, tmp_path_factory):
    """Put this environment's commands first, and ignore the machine's settings of Git and DVC."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.org")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    for place in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
        monkeypatch.setenv(f"DVC_{place}_DIR", str(tmp_path_factory.mktemp("dvc")))


def run(cwd, line, *more):
    """Run a command, which must succeed; returns what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    result = subprocess.run([*line.split(), *more], cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def init_project(folder):
    """Make a Git repository in `folder`, with DVC and a remote in the bucket."""
    run(folder, "git init -q -b main")
    if not (folder / ".dvc").exists():
        run(folder, "dvc init -q")
    run(folder, "dvc remote add -q -d store gs://scans/dvc")
    run(folder, "dvc remote modify store endpointurl", os.environ["STORAGE_EMULATOR_HOST"])


def push_and_tag(folder, version):
    run(folder, "dvc push")
    run(folder, "git add .")
    run(folder, "git commit -q -m", version)
    run(folder, "git tag", version)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
