"""DVC's experiments register nothing, wherever they run; what becomes of one is registered like any other model."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import ROOT
from dvc_project import isolate, run
from life import finish_run, judged_model, said, settle, table

from components.layered.record import digest

pytest_plugins = ["evaluated"]
PUSH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path, tmp_path_factory, monkeypatch, warmed, predicted, judged):
    """A run that is finished but for `push`, the project's own stage; what it needs is under DVC, or else in Git."""
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.setenv("PATH", warmed[0])  # on which `glioflow` is the real one, for DVC to start
    run(tmp_path, "git init -q -b main")
    run(tmp_path, "dvc init -q")
    push = PUSH["stages"]["push"] | {"deps": ["reports/model_card.md"], "params": ["seed"]}
    stages = {"stages": {"push": push}, "artifacts": PUSH["artifacts"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(stages), encoding="utf-8")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    settle(tmp_path, git_remote=None)
    finish_run(tmp_path, judged_model(predicted, judged))
    run(tmp_path, "dvc add -q artifacts/layered artifacts/predictions artifacts/blessing")
    run(tmp_path, "git add .")
    run(tmp_path, "git commit -q -m project")
    return tmp_path


def pushed(project):
    return json.loads((project / "reports" / "push.json").read_text(encoding="utf-8"))


def nothing_is_registered(project):
    assert run(project, "git tag") == ""
    assert not (project / "registry").exists()


def test_one_that_was_tried_elsewhere_and_applied_is_registered_by_the_next_push(project):
    assert "Running stage 'push'" in run(project, "dvc exp run --temp -n tried -S seed=5")
    nothing_is_registered(project)
    run(project, "dvc exp apply tried")
    model = digest(project / "artifacts" / "layered")
    assert pushed(project) == {"pushed": True, "model": model, "version": None}
    assert "Running stage" not in run(project, "dvc repro")
    nothing_is_registered(project)
    printed = run(project, "dvc repro -sf push")  # as `glioflow summary` says
    assert "push: v1.0.0: see `glioflow models`" in printed
    assert pushed(project) == {"pushed": True, "model": model, "version": "v1.0.0"}
    assert table(project) == [("v1.0.0", "-")]
    assert said(project, "promote", "v1.0.0", "--stage", "staging") == "v1.0.0 is now in staging\n"


def test_the_same_parameters_by_hand_are_no_experiment_and_its_result_does_not_stand_in_for_theirs(project):
    assert "push: approved, without a version" in run(project, "dvc exp run -n tried -S seed=6")
    nothing_is_registered(project)
    run(project, "git checkout -q --force .")
    (project / "reports" / "push.json").unlink()
    run(project, "dvc exp apply tried")
    parameters = (project / "params.yaml").read_bytes()
    run(project, "git checkout -q --force .")
    run(project, "git clean -q -f dvc.lock reports")
    (project / "params.yaml").write_bytes(parameters)
    assert "push: v1.0.0" in run(project, "dvc repro")
    assert table(project) == [("v1.0.0", "-")]


@pytest.mark.nightly
def test_those_of_the_queue_register_nothing_either(project):
    run(project, "dvc exp run --queue -n first -S seed=7")
    run(project, "dvc exp run --queue -n second -S seed=8")
    run(project, "dvc exp run --run-all -j 1")
    nothing_is_registered(project)
    run(project, "dvc exp branch second tried")
    run(project, "git checkout -q tried")
    run(project, "dvc checkout -q")
    assert pushed(project)["version"] is None
    assert "push: v1.0.0" in run(project, "dvc repro -sf push")
