"""Failures of DVC in a pod: transient ones, if a server is unreachable, and permanent ones."""

from __future__ import annotations

import json

import gcsfs.retry
import pytest
import yaml
from conftest import tiny_tree
from dvc.cli import main as dvc_main
from dvc_project import isolate, run
from gcs_server import point_clients_at
from gcsfs import GCSFileSystem
from in_process_pods import dvc_here

from components.common.errors import TransientError, UserError
from pipelines.cluster import pod_run, pods
from pipelines.cluster.pod_run import Run, dvc
from pipelines.runs import times

META = {"resources": {"cpu": 1, "memory": "1Gi"}}


@pytest.fixture
def clone(tmp_path, tmp_path_factory, monkeypatch):
    """A clone whose only stage has run, while no Cloud Storage server can be reached."""
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
    monkeypatch.setattr(gcsfs.retry, "asyncio", type("", (), {"sleep": staticmethod(no_wait)}))
    point_clients_at("http://127.0.0.1:9", monkeypatch, tmp_path_factory.mktemp("account"))
    yield tmp_path
    GCSFileSystem.clear_instance_cache()


async def no_wait(seconds):
    """Replaces the waits of gcsfs between its attempts."""


def record_dvc_commands(monkeypatch):
    """Make DVC run in this process; return the list that its commands are recorded in."""
    commands = []

    def here(command):
        commands.append(command[3])
        return dvc_here(command)

    monkeypatch.setattr(pod_run, "run_forwarding_signals", here)
    return commands


@pytest.mark.parametrize("command", ["push", "pull"])
def test_a_failed_transfer_to_an_unreachable_store_is_transient(clone, monkeypatch, command):
    commands = record_dvc_commands(monkeypatch)
    run(clone, "dvc remote add -q -d store gs://scans/dvc")
    (clone / "result").unlink()
    with pytest.raises(TransientError, match=r"gs://scans/dvc: does not answer"):
        dvc(Run("this", str(clone / "storage"), (), "results"), command)
    assert commands == [command]


def test_a_failed_transfer_with_a_reachable_store_is_retried_once(clone, monkeypatch):
    commands = record_dvc_commands(monkeypatch)
    (clone / "store").mkdir()
    run(clone, "dvc remote add -q -d store", str(clone / "store"))
    run(clone, "rm -r .dvc/cache result")
    with pytest.raises(UserError, match="dvc pull: failed") as error:
        dvc(Run("this", str(clone / "storage"), (), "results"), "pull")
    assert not isinstance(error.value, TransientError)
    assert commands == ["pull", "pull"]


@pytest.mark.parametrize(
    ("note", "kind"), [({"passing": True}, TransientError), ({"passing": False}, UserError), ({}, UserError)]
)
def test_a_stage_that_a_transient_fault_ended_raises_a_transient_error(clone, monkeypatch, note, kind):
    record_dvc_commands(monkeypatch)
    text = json.dumps({"began": 9e12, "seconds": None, "starter": ""} | note)
    folder = clone / times.FOLDER
    folder.mkdir(parents=True)
    stage = {"cmd": f"echo '{text}' > {folder}/push.json; exit 75", "meta": META, "outs": ["result"]}
    (clone / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"push": stage}}), encoding="utf-8")
    with pytest.raises(UserError) as error:
        pods._do(Run("this", str(clone / "storage"), (), "results"), "push", [])
    assert type(error.value) is kind
