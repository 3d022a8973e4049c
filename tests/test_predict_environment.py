"""The slim environment can predict and serve, and names the remedy for what it can't do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from layered_models import write_layered
from serve_client import png, serving
from whole_project import copy_project

from pipelines import predicting

BIN = ROOT / ".venv-predict" / "bin"
NO_OPTIONS = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}
# Commands that need packages outside the slim environment.
UNAVAILABLE = [
    "run",
    "scheduled",
    "summary",
    "clean",
    "models",
    "promote v1.0.0 --stage prod",
    "rollback --stage prod",
    "tune segmenter",
    "crossval",
    "stage ingest",
    "stage train segmenter",
    "pod --run a --storage gs://scans/a step ingest",
    "compile argo",
    "compile kubeflow",
    "recur http://127.0.0.1:9",
    "score own --truth own",
    "drift own",
    "predict own --out out --model registry:prod",
    "predict own --out out --beam --runner=FnApiRunner",
    "predict gs://scans/set --out out",
]
# Runs several commands in one process, because starting Python takes longer than all of them.
RUN_ALL = """\
import sys
from pipelines.cli import main

for words in sys.argv[1:]:
    sys.argv = ["glioflow", *words.split()]
    try:
        main()
    except SystemExit as end:
        print(end.code, words, file=sys.stderr, flush=True)
"""

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the slim environment is not here: make predict-setup")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_layered(folder)
    return folder


def run_slim(*words, cwd):
    """Run a command of the slim environment, with no other on the PATH."""
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(cwd)}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_predictions_equal_those_of_the_full_environment(demo_source, model, tmp_path):
    patient = min(path for path in demo_source.iterdir() if path.is_dir())
    assert predicting.run((str(patient),), str(model), str(tmp_path / "whole"), **NO_OPTIONS) == 0
    command = [BIN / "glioflow", "predict", str(patient), "--model", str(model), "--out", "slim"]
    result = run_slim(*command, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for path in (path for path in (tmp_path / "whole").rglob("*") if path.is_file()):
        other = tmp_path / "slim" / path.relative_to(tmp_path / "whole")
        assert other.read_bytes() == path.read_bytes(), path


def test_the_slim_environment_serves(model, tmp_path):
    import numpy as np

    spot = np.full((40, 48, 3), 70, np.uint8)
    spot[10:24, 12:30, 1] = 200
    with serving(model, tmp_path / "log", program=(BIN / "glioflow", "serve")) as server:
        status, answer = server.predict([png(spot)])
    assert (status, answer["predictions"][0]["has_tumor"]) == (200, True)


def test_unavailable_commands_fail_in_one_line_and_write_nothing(tmp_path):
    project = copy_project(tmp_path)
    (project / "own" / "readme.txt").parent.mkdir(exist_ok=True)
    before = sorted(path for path in project.rglob("*") if ".git" not in path.parts)
    result = run_slim(BIN / "python", "-c", RUN_ALL, *UNAVAILABLE, cwd=project)
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert lines[1::2] == [f"2 {words}" for words in UNAVAILABLE]
    for line, words in zip(lines[::2], UNAVAILABLE, strict=True):
        assert re.match(
            r"glioflow: (\S+: not accessible: )?\w+ is not installed, and this needs it; .*`make setup`", line
        ), words
    assert sorted(path for path in project.rglob("*") if ".git" not in path.parts) == before


def test_help_and_doctor_work_in_the_slim_environment(tmp_path):
    result = run_slim(BIN / "glioflow", "doctor", cwd=tmp_path)
    assert "packages         for predict and serve" in result.stdout
    for words in (["--help"], ["run", "--help"], ["stage", "train", "--help"], ["predict", "--help"]):
        result = run_slim(BIN / "glioflow", *words, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.nightly
def test_an_installation_by_pip_holds_all_that_predictions_need(demo_source, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("components", "models", "pipelines", "reference"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; build_meta.build_wheel('.')"  # the call that pip makes
    subprocess.run([BIN / "python", "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = source.glob("*.whl")
    shutil.unpack_archive(wheel, target, "zip")
    patient = min(path for path in demo_source.iterdir() if path.is_dir())
    command = [BIN / "python", "-c", "from pipelines.cli import main; main()", "predict", patient, "--out", "out"]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": str(target)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "patients.csv").exists()
    assert {"page.html.j2", "schema.pbtxt"} <= {path.name for path in target.rglob("*")}
