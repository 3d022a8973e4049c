"""A run on a cluster starts from the results on their branch, whatever the history of the code."""

from __future__ import annotations

import pytest
import yaml
from conftest import tiny_tree
from dvc.cli import main as dvc
from dvc_project import isolate, run

from components.common import params
from components.common.errors import UserError
from pipelines.cluster.pod_run import Run
from pipelines.cluster.pods import START, prepare

STAGE = {
    "cmd": "echo 1 > result",
    "meta": {"resources": {"cpu": 1, "memory": "1Gi"}},
    "outs": [{"result": {"cache": False}}],
}


@pytest.fixture
def clone(tmp_path, tmp_path_factory, monkeypatch):
    """A clone of `hub.git` with one commit of code."""
    isolate(monkeypatch, tmp_path_factory)
    run(tmp_path, "git init -q --bare -b main hub.git")
    run(tmp_path, "git clone -q hub.git clone")
    monkeypatch.chdir(tmp_path / "clone")
    run(".", "git checkout -q -b main")
    assert dvc(["init", "-q"]) == 0
    (tmp_path / "clone" / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"push": STAGE}}), encoding="utf-8")
    (tmp_path / "clone" / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    run(".", "git add .")
    run(".", "git commit -q -m code")
    return tmp_path / "clone"


def publish_results(clone, *options):
    """Push results of an earlier run to their branch, which is made with these options of `git checkout`."""
    (clone / "dvc.lock").write_text("schema: '2.0'\nstages: {push: {cmd: earlier}}\n", encoding="utf-8")
    (clone / "result").write_text("earlier\n", encoding="utf-8")
    run(clone, "git checkout -q", *options, "results")
    run(clone, "git add -f dvc.lock result")
    run(clone, "git commit -q -m results")
    run(clone, "git push -q origin HEAD:glioflow/results")
    run(clone, "git checkout -q main")


def start_state(tmp_path):
    """Run the first pod, check that it names the commit of the code, and return what it stores for the other pods."""
    this_run = Run("this", str(tmp_path / "storage"), (), "glioflow/results")
    assert prepare(this_run).commit == run(".", "git rev-parse HEAD").strip()
    return this_run.store.get(START)


def test_a_pods_tags_go_to_the_remote_of_its_clone(clone, tmp_path):
    """Otherwise a version would be registered only in a clone that is then thrown away."""
    Run("this", str(tmp_path / "storage"), ("seed=3",), "glioflow/results").enter()
    assert params.load().registry.git_remote == "origin"
    Run("this", str(tmp_path / "storage"), ("registry.git_remote=hub",), "glioflow/results").enter()
    assert params.load().registry.git_remote == "hub"


@pytest.mark.parametrize("history", ["-b", "--orphan"])
def test_results_are_reused_whether_or_not_they_share_the_codes_history(clone, tmp_path, history):
    """They don't share it if somebody started the code's history anew, or if the clone is too shallow to know."""
    publish_results(clone, history)
    found = start_state(tmp_path)
    assert found.stages == {"push": {"cmd": "earlier"}}
    assert found.files == {"result": "earlier\n"}
    assert found.done == run(clone, "git rev-parse origin/glioflow/results").strip()


def test_results_that_the_code_already_contains_are_not_reused(clone, tmp_path):
    publish_results(clone, "-b")
    run(clone, "git merge -q results")
    (clone / "result").write_text("later\n", encoding="utf-8")
    run(clone, "git commit -q -a -m later")
    assert start_state(tmp_path).files == {"result": "later\n"}


def test_a_shallow_clone_reuses_results_too(clone, tmp_path, monkeypatch):
    publish_results(clone, "-b")
    run(clone, "git commit -q --allow-empty -m more")
    run(clone, "git push -q origin main")
    run(tmp_path, "git clone -q --depth 1 -b main", f"file://{tmp_path}/hub.git", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    assert start_state(tmp_path).files == {"result": "earlier\n"}


@pytest.mark.parametrize("branch", ["", "a b", "a..b", "x.lock", "a:b", "~"])
def test_an_invalid_branch_name_is_refused_before_anything_runs(clone, tmp_path, branch):
    with pytest.raises(UserError, match=r"^branch: .* is no name that a branch can have"):
        prepare(Run("this", str(tmp_path / "storage"), (), branch))
    assert not (tmp_path / "storage").exists()


def test_only_stages_that_changed_since_the_results_get_a_pod(clone, tmp_path):
    this_run = Run("this", str(tmp_path / "storage"), (), "glioflow/results")
    assert prepare(this_run).stages == {"push": True}
    assert dvc(["repro", "-q"]) == 0
    run(".", "git checkout -q -b results")
    run(".", "git add -f dvc.lock result")
    run(".", "git commit -q -m results")
    run(".", "git push -q origin HEAD:glioflow/results")
    run(".", "git checkout -q main")
    plan = prepare(this_run)
    assert plan.stages == {"push": False}
    assert this_run.store.get("push").done == "nothing new"
    plan.write(tmp_path / "told")
    plan_files = {file.name: file.read_text() for file in (tmp_path / "told").iterdir()}
    assert plan_files == {"commit": run(".", "git rev-parse HEAD").strip(), "push": "false"}
