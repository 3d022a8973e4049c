"""Before the first stage runs, missing inputs and user paths inside the outputs of stages are reported."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT, tiny_tree
from in_process import glioflow

from components.common.errors import UserError
from pipelines.stage_inputs import check_stages, stages


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The project's stages, and all their inputs that no stage writes."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for name in ("components", "models", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("own", "champion", "benchmarks/quality/reference"):
        shutil.copytree(ROOT / name, tmp_path / name)
    check_stages(tiny_tree())
    return tmp_path


def refusal(tree=None):
    with pytest.raises(UserError) as error:
        check_stages(tree or tiny_tree())
    return str(error.value)


def tree_with(parameter, value):
    tree = tiny_tree()
    group, _, name = parameter.rpartition(".")
    (tree[group] if group else tree)[name] = value
    return tree


def test_stages_are_listed_with_dvcs_names_and_outputs(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = dict(stages())
    assert {"demo", "train@classifier", "train@segmenter", "push"} <= found.keys()
    assert found["train@segmenter"]["outs"] == ["artifacts/segmenter", "reports/training/segmenter"]


@pytest.mark.parametrize(
    ("path", "stage", "file"),
    [
        ("own/weights", "train@classifier", "own/weights"),
        ("components", "demo", "components/sources/demo.py"),
        ("benchmarks/quality/reference/segmenter", "train@segmenter", "benchmarks/quality/reference/segmenter"),
    ],
)
def test_a_missing_input_is_reported_before_the_first_stage(project, path, stage, file):
    (project / path).rename(project / "elsewhere")
    assert refusal() == f"{file}: not here, and stage {stage} reads it; restore it with `git checkout -- {file}`"


@pytest.mark.parametrize(("path", "parameter"), [("own/none.csv", "split.file"), ("champion", "gate.champion")])
def test_a_missing_input_of_a_parameter_names_the_parameter(project, path, parameter):
    (project / path).rename(project / "elsewhere")
    assert refusal() == f"params.yaml: {parameter}: {path}: no such file or folder; correct its path"


def test_a_missing_input_with_a_dvc_file_names_the_pull_command(project):
    (project / "own" / "weights").rename(project / "elsewhere")
    (project / "own" / "weights.dvc").touch()
    assert refusal() == (
        "own/weights: not here, and stage train@classifier reads it; `dvc pull own/weights.dvc` fetches it"
    )


@pytest.mark.parametrize(
    ("parameter", "path", "stage"),
    [
        ("source", "data/scans", "ingest"),
        ("source", "data", "demo"),
        ("split.file", "data/splits.csv", "split"),
        ("evaluate.clinical", "data/manifest.csv", "ingest"),
        ("gate.champion", "artifacts/layered", "assemble"),
        ("gate.champion", "artifacts", "train@classifier"),
    ],
)
def test_a_path_that_a_stage_writes_is_refused_as_user_input(project, parameter, path, stage):
    message = f"params.yaml: {parameter}: {path}: stage {stage} writes there; name something of your own"
    assert refusal(tree_with(parameter, path)) == message


@pytest.mark.parametrize(
    ("parameter", "path"),
    [
        ("training.checkpoints", "artifacts"),  # .../segmenter
        ("training.checkpoints", "artifacts/segmenter"),
        ("training.cache", "./data/../data/examples"),
    ],
)
def test_training_folders_inside_stage_outputs_are_refused(project, parameter, path):
    assert refusal(tree_with(parameter, path)).startswith(f"params.yaml: {parameter}: {path}: stage ")
    check_stages(tree_with("training.checkpoints", "gs://bucket/prefix"))


@pytest.mark.parametrize("text", ["stages: [", "artifacts: {}\n", "[]\n"])
def test_a_dvc_yaml_without_readable_stages_is_reported_in_one_line(project, text):
    (project / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    (project / "dvc.yaml").write_text(text, encoding="utf-8")
    result = glioflow("run", cwd=project)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("glioflow: dvc.yaml: ")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"convert": {"storage": "s3://bucket"}}, "params.yaml: convert.storage: s3://bucket: give a folder, or gs://"),
        ({"training": {"checkpoints": "gcs://b/p"}}, "params.yaml: training.checkpoints: gcs://b/p: give a folder, or"),
        ({"training": {"cache": "gs://b/p"}}, "params.yaml: training.cache: gs://b/p: give a folder of this machine"),
        ({"registry": {"git_remote": "orgin"}}, "params.yaml: registry.git_remote: orgin: Git knows no remote; name "),
        ({"split": {"file": "own.csv"}}, "own.csv: split holds words other than train, val, test"),
        ({"evaluate": {"clinical": "names.csv"}}, "names.csv: has no column besides `patient`, so no cohorts; add one"),
        ({"gate": {"champion": "used"}}, "used holds model.dvc, and no layered model; run `dvc pull`"),
    ],
)
def test_errors_of_late_stages_are_reported_at_once(project, monkeypatch, groups, message):
    tree = tiny_tree()
    for group, parameters in groups.items():
        tree[group] |= parameters
    (project / "own.csv").write_text("patient,split\na,training\n", encoding="utf-8")
    (project / "names.csv").write_text("patient\na\n", encoding="utf-8")
    (project / "used").mkdir()
    (project / "used" / "model.dvc").touch()
    (project / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    (project / ".dvc").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    result = glioflow("run", cwd=project)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"glioflow: {message}")
