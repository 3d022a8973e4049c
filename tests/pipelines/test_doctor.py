"""`glioflow doctor` where something is missing: it says what, and fails, as a health check has to."""

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

WORKFLOW = Path(sysconfig.get_path("purelib"))
PREDICTION = ROOT / ".venv-predict"
RUN = "from pipelines.cli import main; main()"


def diagnosed(folder, packages, without=(), program=sys.executable, **variables):
    """What `doctor` says in an environment like that in `packages`, but `without` the files that match."""
    linked = folder / "packages"
    linked.mkdir()
    absent = {path for pattern in without for path in packages.glob(pattern)}
    assert len(absent) >= len(without)
    for path in packages.iterdir():
        if path not in absent:
            (linked / path.name).symlink_to(path)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": f"{ROOT}:{linked}"} | variables
    command = [program, "-S", "-c", RUN, "doctor"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def small():
    """The packages, and the Python, of an environment for predictions."""
    if not PREDICTION.exists():
        pytest.skip("the slim environment is not here: make predict-setup")
    (packages,) = PREDICTION.glob("lib/python3*/site-packages")
    return {"packages": packages, "program": PREDICTION / "bin" / "python"}


def test_a_whole_workflow_is_well(tmp_path):
    result = diagnosed(tmp_path, WORKFLOW)
    assert (result.returncode, result.stderr) == (0, "")
    assert "missing" not in result.stdout


@pytest.mark.parametrize(
    ("without", "lacks"),
    [
        (["tensorflow_cpu-*"], "tensorflow-cpu"),  # by its metadata
        (["tensorflow"], "tensorflow-cpu"),  # by its files
        (["dvc", "dvc-*"], "dvc"),
        (["absl_py-*"], "absl-py"),  # which only others need
        (["glioflow-*"], "glioflow"),
    ],
)
def test_a_workflow_that_lacks_something_is_not(tmp_path, without, lacks):
    result = diagnosed(tmp_path, WORKFLOW, without)
    assert result.returncode == 2
    assert result.stderr == f"glioflow: this installation lacks {lacks}; run `make setup`\n"


def test_a_workflow_without_git_is_not_well(tmp_path):
    result = diagnosed(tmp_path, WORKFLOW, PATH=str(tmp_path))
    assert (result.returncode, "lacks the program git;" in result.stderr) == (2, True)


@pytest.mark.parametrize("image", ["cpu", "gpu"])
def test_in_an_image_nothing_can_be_set_up(tmp_path, image):
    result = diagnosed(tmp_path, WORKFLOW, ["tensorflow_cpu-*", "dvc-*", "tfx-*"], GLIOFLOW_IMAGE=image)
    assert result.returncode == 2
    assert result.stderr == (
        "glioflow: this installation lacks dvc, tensorflow-cpu, tfx; "
        "this image is damaged: pull it again, or rebuild it\n"
    )
    assert f"image            {image}" in result.stdout
    assert "make " not in result.stdout


@pytest.mark.parametrize("image", [{}, {"GLIOFLOW_IMAGE": "predict"}], ids=["checkout", "image"])
def test_an_environment_for_predictions_needs_no_workflow(tmp_path, small, image):
    result = diagnosed(tmp_path, **small, **image)
    assert (result.returncode, result.stderr) == (0, "")
    assert "packages         for predict and serve; " in result.stdout
    assert "missing" not in result.stdout
    assert ("make setup" in result.stdout) == (not image)


@pytest.mark.parametrize(
    ("image", "without", "lacks", "remedy"),
    [
        ({}, ["ai_edge_litert"], "ai-edge-litert", "run `make predict-setup`"),
        ({}, ["uvicorn", "uvicorn-*"], "uvicorn", "run `make predict-setup`"),
        ({"GLIOFLOW_IMAGE": "predict"}, ["highdicom-*"], "highdicom", "this image is damaged: "),
        # The image serves, whatever else is gone.
        ({"GLIOFLOW_IMAGE": "predict"}, ["starlette-*", "starlette"], "starlette", "this image is damaged: "),
        # What an image is does not depend on what is left in it.
        ({"GLIOFLOW_IMAGE": "cpu"}, ["highdicom-*"], "tfx", "this image is damaged: "),
    ],
)
def test_an_environment_for_predictions_that_lacks_something_is_not_well(
    tmp_path, small, image, without, lacks, remedy
):
    result = diagnosed(tmp_path, without=without, **small, **image)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    missing, _, advice = line.removeprefix("glioflow: this installation lacks ").partition("; ")
    assert lacks in missing.split(", ")
    assert advice.startswith(remedy)


def test_in_the_small_image_a_command_of_the_workflow_names_the_other_image(tmp_path, small):
    environment = {"PYTHONPATH": f"{ROOT}:{small['packages']}", "HOME": str(tmp_path), "GLIOFLOW_IMAGE": "predict"}
    for words in (["run"], ["models"], ["predict", "gs://scans/set", "--out", "out"]):
        command = [small["program"], "-S", "-c", RUN, *words]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert "make " not in result.stderr
        assert "use an image of the workflow" in result.stderr


def test_no_advice_in_an_image_is_to_make_something(tmp_path, monkeypatch):
    """Wherever a message names a command, it is one that is there."""
    monkeypatch.setenv("GLIOFLOW_IMAGE", "cpu")
    asked = (["summary"], ["stage", "ingest"], ["predict", "nowhere", "--out", "out"], ["run"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": "nowhere"}), encoding="utf-8")
    for words in asked:
        result = glioflow(*words, cwd=tmp_path)
        assert result.returncode == 2, words
        assert re.search(r"make [a-z]+", result.stderr.replace("make room", "")) is None, result.stderr
