"""Runs `glioflow pod` in this process: a short pod spends most of its time starting Python once and DVC three times."""

from __future__ import annotations

import copy
import functools
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from dvc.cli import main as dvc
from dvc.utils import strictyaml
from dvc.utils.serialize import _yaml

from pipelines import cli
from pipelines.cluster import pod_run

# Takes the place of `glioflow` in a pod's shell, and records where it was started and with which arguments.
RECORD_CALL = '#!/bin/sh\nprintf "%s\\n" "$PWD" "$PYTHONPATH" "$@" > "$HOME/told"\n'


def run_pod_here(command, environment, workspace):
    """Run a pod's command in its shell up to `glioflow`, and that in this process; return exit status and output."""
    programs = workspace / "bin"
    programs.mkdir()
    (programs / "glioflow").write_text(RECORD_CALL)
    (programs / "glioflow").chmod(0o755)
    variables = os.environ | environment | {"PATH": f"{programs}:{os.environ['PATH']}"}
    shell = subprocess.run(command, cwd=workspace, env=variables, capture_output=True, text=True)
    if shell.returncode:
        return shell.returncode, shell.stdout + shell.stderr
    clone, path, *words = (Path(environment["HOME"]) / "told").read_text().splitlines()
    status = 0
    with (
        mock.patch.dict(os.environ, environment | {"PYTHONPATH": path}),
        mock.patch.object(sys, "argv", ["glioflow", *words]),
        mock.patch.object(pod_run, "run_forwarding_signals", dvc_here),
        mock.patch.object(_yaml, "parse_yaml", parse_yaml),
        mock.patch.object(strictyaml, "parse_yaml", parse_yaml),
        working_in(Path(clone)),
        printing_to(workspace / "log"),
    ):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
    return status, (workspace / "log").read_text()


def parse_yaml(text, path, typ="safe"):
    """DVC's parser with a cache: parsing params.yaml dozens of times takes most of a pod's time."""
    return copy.deepcopy(_parsed(text)) if typ == "safe" else _yaml_of_dvc(text, path, typ)


_yaml_of_dvc = _yaml.parse_yaml
_parsed = functools.lru_cache(lambda text: _yaml_of_dvc(text, "a file of a pod"))


def dvc_here(command):
    """Run DVC in this process, too, instead of the command that pods start."""
    assert command[:3] == [sys.executable, "-m", "dvc"]
    return dvc(command[3:])


@contextmanager
def working_in(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def printing_to(file):
    """Redirect the output of this process and its child processes to a file."""
    before = [os.dup(number) for number in (1, 2)]
    with file.open("w", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        for number in (1, 2):
            os.dup2(log.fileno(), number)
        try:
            yield
        finally:
            for number, old in zip((1, 2), before, strict=True):
                os.dup2(old, number)
                os.close(old)
