"""`glioflow doctor` fails if something is missing, as a health check has to, and says what."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, tiny_tree
from in_process import glioflow

WORKFLOW_PACKAGES = Path(sysconfig.get_path("purelib"))
PREDICT_VENV = ROOT / ".venv-predict"
RUN_MAIN = "from pipelines.cli import main; main()"


def run_doctor(folder, packages, without=(), program=sys.executable, **variables):
    """Run `doctor` in an environment with all of `packages` except what matches the patterns of `without`."""
    linked = folder / "packages"
    linked.mkdir()
    absent = {path for pattern in without for path in packages.glob(pattern)}
    assert len(absent) >= len(without)
    for path in packages.iterdir():
        if path not in absent:
            (linked / path.name).symlink_to(path)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": f"{ROOT}:{linked}"} | variables
    command = [program, "-S", "-c", RUN_MAIN, "doctor"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def predict_environment():
    """The packages and the Python of the slim environment for predictions."""
    if not PREDICT_VENV.exists():
        pytest.skip("the slim environment is not here: make predict-setup")
    (packages,) = PREDICT_VENV.glob("lib/python3*/site-packages")
    return {"packages": packages, "program": PREDICT_VENV / "bin" / "python"}


def test_a_complete_workflow_environment_passes(tmp_path):
    result = run_doctor(tmp_path, WORKFLOW_PACKAGES)
    assert (result.returncode, result.stderr) == (0, "")
    assert "missing" not in result.stdout


@pytest.mark.parametrize(
    ("without", "missing_package"),
    [
        (["tensorflow_cpu-*"], "tensorflow-cpu"),  # by its metadata
        (["tensorflow"], "tensorflow-cpu"),  # by its files
        (["dvc", "dvc-*"], "dvc"),
        (["absl_py-*"], "absl-py"),  # which only other packages need
        (["glioflow-*"], "glioflow"),
    ],
)
def test_a_missing_workflow_package_is_reported(tmp_path, without, missing_package):
    result = run_doctor(tmp_path, WORKFLOW_PACKAGES, without)
    assert result.returncode == 2
    assert result.stderr == f"glioflow: this installation lacks {missing_package}; run `make setup`\n"


def test_a_workflow_environment_without_git_fails(tmp_path):
    result = run_doctor(tmp_path, WORKFLOW_PACKAGES, PATH=str(tmp_path))
    assert (result.returncode, "lacks the program git;" in result.stderr) == (2, True)


@pytest.mark.parametrize("image", ["cpu", "gpu"])
def test_an_image_without_some_packages_is_reported_as_damaged(tmp_path, image):
    result = run_doctor(tmp_path, WORKFLOW_PACKAGES, ["tensorflow_cpu-*", "dvc-*", "tfx-*"], GLIOFLOW_IMAGE=image)
    assert result.returncode == 2
    assert result.stderr == (
        "glioflow: this installation lacks dvc, tensorflow-cpu, tfx; "
        "this image is damaged: pull it again, or rebuild it\n"
    )
    assert f"image            {image}" in result.stdout
    assert "make " not in result.stdout


@pytest.mark.parametrize("image", [{}, {"GLIOFLOW_IMAGE": "predict"}], ids=["checkout", "image"])
def test_a_predict_environment_needs_no_workflow_packages(tmp_path, predict_environment, image):
    result = run_doctor(tmp_path, **predict_environment, **image)
    assert (result.returncode, result.stderr) == (0, "")
    assert "packages         for predict and serve; " in result.stdout
    assert "missing" not in result.stdout
    assert ("make setup" in result.stdout) == (not image)


@pytest.mark.parametrize(
    ("image", "without", "missing_package", "remedy"),
    [
        ({}, ["ai_edge_litert"], "ai-edge-litert", "run `make predict-setup`"),
        ({}, ["uvicorn", "uvicorn-*"], "uvicorn", "run `make predict-setup`"),
        ({"GLIOFLOW_IMAGE": "predict"}, ["highdicom-*"], "highdicom", "this image is damaged: "),
        # The image is one for serving, whatever else is missing.
        ({"GLIOFLOW_IMAGE": "predict"}, ["starlette-*", "starlette"], "starlette", "this image is damaged: "),
        # The kind of image does not depend on what is left in it.
        ({"GLIOFLOW_IMAGE": "cpu"}, ["highdicom-*"], "tfx", "this image is damaged: "),
    ],
)
def test_an_incomplete_predict_environment_fails_with_a_remedy(
    tmp_path, predict_environment, image, without, missing_package, remedy
):
    result = run_doctor(tmp_path, without=without, **predict_environment, **image)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    missing, _, advice = line.removeprefix("glioflow: this installation lacks ").partition("; ")
    assert missing_package in missing.split(", ")
    assert advice.startswith(remedy)


def test_workflow_commands_in_the_predict_image_name_the_other_image(tmp_path, predict_environment):
    environment = {
        "PYTHONPATH": f"{ROOT}:{predict_environment['packages']}",
        "HOME": str(tmp_path),
        "GLIOFLOW_IMAGE": "predict",
    }
    for words in (["run"], ["models"], ["predict", "gs://scans/set", "--out", "out"]):
        command = [predict_environment["program"], "-S", "-c", RUN_MAIN, *words]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert "make " not in result.stderr
        assert "use an image of the workflow" in result.stderr


def test_messages_in_an_image_never_suggest_make(tmp_path, monkeypatch):
    """An image has no Makefile, so no message may name one of its targets."""
    monkeypatch.setenv("GLIOFLOW_IMAGE", "cpu")
    commands = (["summary"], ["stage", "ingest"], ["predict", "nowhere", "--out", "out"], ["run"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": "nowhere"}), encoding="utf-8")
    for words in commands:
        result = glioflow(*words, cwd=tmp_path)
        assert result.returncode == 2, words
        assert re.search(r"make [a-z]+", result.stderr.replace("make room", "")) is None, result.stderr
