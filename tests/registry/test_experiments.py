"""DVC experiments register nothing, wherever they run; an applied one is registered like any other model."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import ROOT
from dvc_project import isolate, run
from glioflow_project import finish_run, judged_model, run_glioflow, set_registry, stages_by_version

from components.layered.record import digest

pytest_plugins = ["evaluation_fixtures"]
DVC_YAML = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path, tmp_path_factory, monkeypatch, warm_programs, evaluate_model, judge_model):
    """A run finished except for `push`, the project's own stage; its inputs are under DVC or in Git."""
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.setenv("PATH", warm_programs[0])  # lets DVC start the real `glioflow`
    run(tmp_path, "git init -q -b main")
    run(tmp_path, "dvc init -q")
    push = DVC_YAML["stages"]["push"] | {"deps": ["reports/model_card.md"], "params": ["seed"]}
    stages = {"stages": {"push": push}, "artifacts": DVC_YAML["artifacts"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(stages), encoding="utf-8")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    set_registry(tmp_path, git_remote=None)
    finish_run(tmp_path, judged_model(evaluate_model, judge_model))
    run(tmp_path, "dvc add -q artifacts/layered artifacts/predictions artifacts/blessing")
    run(tmp_path, "git add .")
    run(tmp_path, "git commit -q -m project")
    return tmp_path


def push_result(project):
    return json.loads((project / "reports" / "push.json").read_text(encoding="utf-8"))


def assert_nothing_registered(project):
    assert run(project, "git tag") == ""
    assert not (project / "registry").exists()


def test_an_applied_experiment_is_registered_by_the_next_push(project):
    assert "Running stage 'push'" in run(project, "dvc exp run --temp -n tried -S seed=5")
    assert_nothing_registered(project)
    run(project, "dvc exp apply tried")
    model = digest(project / "artifacts" / "layered")
    assert push_result(project) == {"pushed": True, "model": model, "version": None}
    assert "Running stage" not in run(project, "dvc repro")
    assert_nothing_registered(project)
    printed = run(project, "dvc repro -sf push")  # as `glioflow summary` advises
    assert "push: v1.0.0: see `glioflow models`" in printed
    assert push_result(project) == {"pushed": True, "model": model, "version": "v1.0.0"}
    assert stages_by_version(project) == [("v1.0.0", "-")]
    assert run_glioflow(project, "promote", "v1.0.0", "--stage", "staging") == "v1.0.0 is now in staging\n"


def test_a_push_with_an_experiments_parameters_does_not_reuse_its_result(project):
    assert "push: approved, without a version" in run(project, "dvc exp run -n tried -S seed=6")
    assert_nothing_registered(project)
    run(project, "git checkout -q --force .")
    (project / "reports" / "push.json").unlink()
    run(project, "dvc exp apply tried")
    parameters = (project / "params.yaml").read_bytes()
    run(project, "git checkout -q --force .")
    run(project, "git clean -q -f dvc.lock reports")
    (project / "params.yaml").write_bytes(parameters)
    assert "push: v1.0.0" in run(project, "dvc repro")
    assert stages_by_version(project) == [("v1.0.0", "-")]


@pytest.mark.nightly
def test_queued_experiments_register_nothing_either(project):
    run(project, "dvc exp run --queue -n first -S seed=7")
    run(project, "dvc exp run --queue -n second -S seed=8")
    run(project, "dvc exp run --run-all -j 1")
    assert_nothing_registered(project)
    run(project, "dvc exp branch second tried")
    run(project, "git checkout -q tried")
    run(project, "dvc checkout -q")
    assert push_result(project)["version"] is None
    assert "push: v1.0.0" in run(project, "dvc repro -sf push")
