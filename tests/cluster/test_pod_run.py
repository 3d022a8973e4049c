"""DVC in a pod: what it can't do because a server is away, and what it can't do at all."""

from __future__ import annotations

import json

import gcsfs.retry
import pytest
import yaml
from conftest import tiny_tree
from dvc.cli import main as dvc_main
from dvc_project import isolate, run
from gcs_server import lead_clients_to
from gcsfs import GCSFileSystem
from pods_here import dvc_here

from components.common.errors import PassingError, UserError
from pipelines import times
from pipelines.cluster import pod_run, pods
from pipelines.cluster.pod_run import Run, dvc

META = {"resources": {"cpu": 1, "memory": "1Gi"}}


@pytest.fixture
def clone(tmp_path, tmp_path_factory, monkeypatch):
    """A clone with one stage, whose output is neither here nor in the store, which nobody serves."""
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "git init -q -b main")
    assert dvc_main(["init", "-q"]) == 0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    stage = {"cmd": "echo 1 > result", "meta": META, "outs": ["result"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"push": stage}}), encoding="utf-8")
    assert dvc_main(["repro", "-q"]) == 0
    run(tmp_path, "git add .")
    run(tmp_path, "git commit -q -m code")
    monkeypatch.setattr(gcsfs.retry, "asyncio", type("", (), {"sleep": staticmethod(at_once)}))
    lead_clients_to("http://127.0.0.1:9", monkeypatch, tmp_path_factory.mktemp("account"))
    yield tmp_path
    GCSFileSystem.clear_instance_cache()


async def at_once(seconds):
    """Stands in for the waits of gcsfs between its attempts."""


def calls(monkeypatch):
    """Have DVC run in this process; returns the list of its commands."""
    seen = []

    def here(command):
        seen.append(command[3])
        return dvc_here(command)

    monkeypatch.setattr(pod_run, "run_forwarding_signals", here)
    return seen


@pytest.mark.parametrize("command", ["push", "pull"])
def test_a_transfer_that_fails_while_a_store_is_away_may_pass(clone, monkeypatch, command):
    seen = calls(monkeypatch)
    run(clone, "dvc remote add -q -d store gs://scans/dvc")
    (clone / "result").unlink()
    with pytest.raises(PassingError, match=r"gs://scans/dvc: does not answer"):
        dvc(Run("this", str(clone / "storage"), (), "results"), command)
    assert seen == [command]


def test_a_transfer_that_fails_although_the_store_answers_is_tried_once_more(clone, monkeypatch):
    seen = calls(monkeypatch)
    (clone / "store").mkdir()
    run(clone, "dvc remote add -q -d store", str(clone / "store"))
    run(clone, "rm -r .dvc/cache result")
    with pytest.raises(UserError, match="dvc pull: failed") as told:
        dvc(Run("this", str(clone / "storage"), (), "results"), "pull")
    assert not isinstance(told.value, PassingError)
    assert seen == ["pull", "pull"]


@pytest.mark.parametrize(
    ("note", "kind"), [({"passing": True}, PassingError), ({"passing": False}, UserError), ({}, UserError)]
)
def test_a_stage_that_a_passing_fault_has_ended_may_pass(clone, monkeypatch, note, kind):
    calls(monkeypatch)
    text = json.dumps({"began": 9e12, "seconds": None, "starter": ""} | note)
    folder = clone / times.FOLDER
    folder.mkdir(parents=True)
    stage = {"cmd": f"echo '{text}' > {folder}/push.json; exit 75", "meta": META, "outs": ["result"]}
    (clone / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"push": stage}}), encoding="utf-8")
    with pytest.raises(UserError) as told:
        pods._do(Run("this", str(clone / "storage"), (), "results"), "push", [])
    assert type(told.value) is kind
