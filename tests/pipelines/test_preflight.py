"""Errors of late stages are reported at once, before any stage runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, tiny_tree
from dvc_project import files, isolate, run
from in_process import glioflow
from scan_writers import make_scan, write_kaggle

from pipelines.runs import workflow


def write_project(folder, **groups):
    """Write a minimal project: params.yaml and the DVC settings."""
    tree = tiny_tree()
    for group, parameters in groups.items():
        tree[group] |= parameters
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return folder


def refusal(folder, *arguments, **variables):
    result = glioflow(*arguments, cwd=folder, **variables)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    return line.removeprefix("glioflow: ")


def test_full_scale_without_a_gpu_is_refused_early_and_not_saved(tmp_path, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    before = {path: text for path, text in files(write_project(tmp_path)).items() if path.parts[0] != ".dvc"}
    message = refusal(tmp_path, "run", "--scale", "full", CUDA_VISIBLE_DEVICES="-1")
    assert message.startswith("params.yaml: training.gpu is required, and TensorFlow sees no GPU (")
    assert {path: text for path, text in files(tmp_path).items() if path.parts[0] != ".dvc"} == before


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"split": {"file": "splits.csv"}}, "split.file: splits.csv: no such file"),
        ({"evaluate": {"clinical": "grades.csv"}}, "evaluate.clinical: grades.csv: no such file"),
        ({"classifier": {"weights": "own/weights/w.h5"}}, "classifier.weights: own/weights/w.h5: no such file"),
        ({"classifier": {"weights": "here.h5"}}, "classifier.weights: here.h5: training would not see it change"),
        (
            {"segmenter": {"start": "own/weights/v1"}},
            "segmenter.start: own/weights/v1: no network.json and no ",
        ),
        (
            {"classifier": {"start": "reference"}},
            "classifier.start: reference: no network.json and no network.",
        ),
        ({"evaluate": {"clinical": None}}, "evaluate.clinical: stages depend on it; give one path for all scales, or "),
        ({"gate": {"champion": {"demo": "a", "full": "b"}}}, "gate.champion: stages depend on it; give one path"),
    ],
)
def test_unusable_paths_are_reported_before_any_stage_runs(tmp_path, groups, expected):
    write_project(tmp_path, **groups)
    (tmp_path / "here.h5").touch()
    assert refusal(tmp_path, "run").startswith(f"params.yaml: {expected}")


@pytest.mark.parametrize(
    ("target", "floor", "message"),
    [
        (0.8, 0.9, "assemble.sensitivity is 0.8, and the gate refuses less than gate.min_sensitivity, 0.9"),
        (0.9, 0.9, None),
    ],
)
def test_a_target_sensitivity_below_the_gates_floor_is_always_reported(tmp_path, monkeypatch, target, floor, message):
    write_project(tmp_path, assemble={"sensitivity": target}, gate={"min_sensitivity": floor})
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc" / "tmp").mkdir()
    lines = workflow.apply([])[1]
    assert [line.split(":")[0] for line in lines] == ([message] if message else [])


@pytest.mark.parametrize("source", ["scans", "data/demo"])
def test_synthetic_patients_are_made_only_if_they_are_the_source(tmp_path, source, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    write_kaggle(tmp_path / "scans", make_scan("TCGA_DU_0001_19990101"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": source}), encoding="utf-8")
    stages = {
        "demo": {"cmd": "mkdir -p data/demo", "outs": ["data/demo"]},
        "ingest": {"cmd": "touch ingested", "deps": ["${source}"], "outs": ["ingested"]},
    }
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    run(tmp_path, "dvc init -q --no-scm")
    glioflow("run", cwd=tmp_path)  # fails in the end, because the stages whose results it shows are missing
    assert (tmp_path / "ingested").exists()
    assert (tmp_path / "data" / "demo").exists() == (source == "data/demo")


def test_wrong_predict_arguments_are_reported_without_tensorflow(tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    code = """
import sys
from click.testing import CliRunner
from components.common.errors import UserError
from pipelines.cli import cli
for arguments, says in (
    (["nowhere", "--out", "out"], "nowhere: no such file"),
    (["scans", "--out", "full"], "full: is not empty"),
    (["scans", "--out", "full/something"], "full/something: is a file"),
    (["scans", "--out", "out", "--model", "full"], "full: no layered model there"),
):
    error = CliRunner().invoke(cli, ["predict", *arguments]).exception
    assert isinstance(error, UserError) and str(error).startswith(says), (arguments, error)
slow = {"tensorflow", "keras", "apache_beam", "highdicom", "dvc"} & set(sys.modules)
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
