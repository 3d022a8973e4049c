"""What stages read is there before the first of them runs, and nobody keeps anything where DVC clears."""

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
    """The project's stages, and as much as they read that no stage writes."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for name in ("components", "models", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("own", "champion", "benchmarks/quality/reference"):
        shutil.copytree(ROOT / name, tmp_path / name)
    check_stages(tiny_tree())
    return tmp_path


def refused(tree=None):
    with pytest.raises(UserError) as error:
        check_stages(tree or tiny_tree())
    return str(error.value)


def set_to(parameter, value):
    tree = tiny_tree()
    group, _, name = parameter.rpartition(".")
    (tree[group] if group else tree)[name] = value
    return tree


def test_stages_are_known_by_dvcs_names_with_what_they_read(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = dict(stages())
    assert {"demo", "train@classifier", "train@segmenter", "push"} <= found.keys()
    assert found["train@segmenter"]["outs"] == ["artifacts/segmenter", "reports/training/segmenter"]


@pytest.mark.parametrize(
    "path", ["own/weights", "own/none.csv", "champion", "components", "benchmarks/quality/reference/segmenter"]
)
def test_a_missing_input_is_named_before_the_first_stage(project, path):
    (project / path).rename(project / "elsewhere")
    assert path in refused()
    assert "; restore it with `git checkout -- own/weights`" in refused() or path != "own/weights"


def test_an_input_that_dvc_has_is_fetched(project):
    (project / "own" / "weights").rename(project / "elsewhere")
    (project / "own" / "weights.dvc").touch()
    assert refused() == (
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
def test_a_stages_own_output_is_no_input_from_outside(project, parameter, path, stage):
    says = f"params.yaml: {parameter}: {path}: stage {stage} writes there; name something of your own"
    assert refused(set_to(parameter, path)) == says


@pytest.mark.parametrize(
    ("parameter", "path"),
    [
        ("training.checkpoints", "artifacts"),  # .../segmenter
        ("training.checkpoints", "artifacts/segmenter"),
        ("training.cache", "./data/../data/examples"),
    ],
)
def test_trainings_keep_nothing_where_dvc_clears(project, parameter, path):
    assert refused(set_to(parameter, path)).startswith(f"params.yaml: {parameter}: {path}: stage ")
    check_stages(set_to("training.checkpoints", "gs://bucket/prefix"))


@pytest.mark.parametrize("text", ["stages: [", "artifacts: {}\n", "[]\n"])
def test_a_dvc_yaml_without_readable_stages_is_told_in_one_line(project, text):
    (project / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    (project / "dvc.yaml").write_text(text, encoding="utf-8")
    done = glioflow("run", cwd=project)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("glioflow: dvc.yaml: ")


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"convert": {"storage": "s3://bucket"}}, "params.yaml: convert.storage: s3://bucket: give a folder, or gs://"),
        ({"training": {"checkpoints": "gcs://b/p"}}, "params.yaml: training.checkpoints: gcs://b/p: give a folder, or"),
        ({"training": {"cache": "gs://b/p"}}, "params.yaml: training.cache: gs://b/p: give a folder of this machine"),
        ({"registry": {"git_remote": "orgin"}}, "params.yaml: registry.git_remote: orgin: Git knows no remote; name "),
        ({"split": {"file": "own.csv"}}, "own.csv: split holds words other than train, val, test"),
        ({"evaluate": {"clinical": "names.csv"}}, "names.csv: has no column beside `patient`, so no cohorts; add one"),
        ({"gate": {"champion": "used"}}, "used holds model.dvc, and no layered model; run `dvc pull`"),
    ],
)
def test_what_a_late_stage_would_find_out_is_told_at_once(project, monkeypatch, groups, says):
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
    done = glioflow("run", cwd=project)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"glioflow: {says}")
