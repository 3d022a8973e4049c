"""The command line: its help, its exit statuses, and one line for each error."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, tiny_tree
from in_process import glioflow, glioflow_subprocess


@pytest.fixture
def project(tmp_path):
    """A folder with nothing but a tiny params.yaml."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    return tmp_path


def set_parameter(project, parameter, value):
    tree = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    *groups, name = parameter.split(".")
    mapping = tree
    for group in groups:
        mapping = mapping[group]
    mapping[name] = value
    (project / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from click.testing import CliRunner; from pipelines.cli import cli; "
        "result = CliRunner().invoke(cli, ['--help']); assert result.exit_code == 0, result; "
        "heavy = {'tensorflow', 'keras', 'tfx', 'apache_beam', 'pandas', 'numpy', 'dvc'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_first_stages_run_by_hand(project):
    for stage in ("demo", "ingest", "split"):
        result = glioflow("stage", stage, cwd=project)
        assert result.returncode == 0, result.stderr
    assert (project / "data" / "splits.csv").exists()
    assert "train" in result.stdout


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("source", "nowhere", "nowhere: no such folder of scans"),
        ("source", "empty", "empty: no scans found"),
        ("scale", "huge", "params.yaml: scale"),
        ("segmenter.image_size", 100, "params.yaml: segmenter.image_size"),
    ],
)
def test_bad_input_exits_with_2_and_one_line(project, parameter, value, message):
    (project / "empty").mkdir()
    set_parameter(project, parameter, value)
    result = glioflow("stage", "ingest", cwd=project)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"glioflow: {message}")
    assert {path.relative_to(project).as_posix() for path in project.rglob("*")} <= {"params.yaml", "empty", "data"}


def test_a_patient_without_masks_leaves_nothing_half_written(project):
    assert glioflow("stage", "demo", cwd=project).returncode == 0
    for mask in (project / "data" / "demo" / "DEMO_AA_1003_20200101").glob("*_mask.tif"):
        mask.unlink()
    result = glioflow("stage", "ingest", cwd=project)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("glioflow: data/demo: DEMO_AA_1003_20200101: ")
    assert "no reference masks" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in sorted((project / "data").iterdir())] == ["demo", "problems.csv"]


def test_a_stage_without_its_input_names_the_stage_to_run(project):
    result = glioflow("stage", "split", cwd=project)
    assert result.returncode == 2
    assert "data/manifest.csv: not readable as a table; run `dvc repro ingest`" in result.stderr


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("validate", "data/examples: not here; run `dvc repro`, which makes it"),
        ("evaluate", "data/examples: not here; run `dvc repro`"),
        ("train segmenter", "data/examples: not here; run `dvc repro`"),
        ("assemble", "artifacts/classifier/network.json: No such file or directory; .* has not run yet"),
        ("push", "artifacts/layered: not here; run `dvc repro`"),
    ],
)
def test_a_stage_without_its_inputs_fails_with_one_line(project, stage, message):
    result = glioflow("stage", *stage.split(), cwd=project)
    assert result.returncode == 2
    assert re.search(rf"^glioflow: {message}", result.stderr.splitlines()[-1])
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", ["step demo", "publish"])
def test_a_pod_without_a_repository_fails_with_one_line(project, words):
    result = glioflow("pod", "--run", "a", "--storage", "gs://scans/a", *words.split(), cwd=project)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("glioflow: dvc: you are not inside of a DVC repository")


@pytest.mark.parametrize("invoke", [glioflow, glioflow_subprocess])
def test_a_command_outside_a_project_is_refused(tmp_path, invoke):
    result = invoke("stage", "ingest", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.strip() == ("glioflow: params.yaml: not here; run glioflow inside the project")


@pytest.mark.parametrize(
    "arguments",
    [["--source", "nowhere"], ["-S", "gate.min_auroc=7"], ["-S", "nonsense"], ["-S", "clasifier.epochs=1"]],
)
def test_run_refuses_wrong_arguments_before_it_changes_anything(project, arguments):
    before = (project / "params.yaml").read_text(encoding="utf-8")
    result = glioflow("run", *arguments, cwd=project)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("glioflow: ")
    assert (project / "params.yaml").read_text(encoding="utf-8") == before
    assert [path.name for path in project.iterdir()] == ["params.yaml"]


def test_summary_before_a_run_says_what_to_do(project):
    result = glioflow("summary", cwd=project)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("glioflow: reports/metrics.json: ")
    assert "make run" in line


def test_doctor_names_the_stack():
    result = glioflow("doctor", cwd=ROOT)
    assert result.returncode == 0
    expected = "classic" if sys.version_info < (3, 11) else "modern"
    assert result.stdout.startswith(f"stack            {expected}: ")
    assert "missing" not in result.stdout
    other = {"classic": "modern", "modern": "classic"}[expected]
    assert re.search(rf"^other stack +{other}: .*`.+`", result.stdout, re.MULTILINE)
    assert re.search(r"^past its end +\S", result.stdout, re.MULTILINE)
