"""The Argo workflow without a cluster: every pod runs its own command, in clones that share only a bucket.

What pods do with stages does not depend on what the stages do, so by day these tests use a toy project, and at night
also the real one with TFX.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import gcsfs.retry
import pytest
from conftest import ROOT
from dvc_project import isolate, run
from fake_cluster import Cluster
from gcs_server import BUCKET, point_clients_at, running_server
from gcsfs import GCSFileSystem
from whole_project import as_options, tiny_switches

from components.common.faults import EX_TEMPFAIL

pytestmark = pytest.mark.long

STORAGE = f"gs://{BUCKET}/glioflow"
CODE = ["components", "models", "pipelines", "dvc.yaml", "params.yaml", "pyproject.toml", "champion", "own"]
DATA = ["benchmarks/quality/reference"]
SETTINGS = [".dvc/config", ".dvcignore", ".gitignore"]
TOY = Path(__file__).parent / "toy"


@dataclass(frozen=True)
class Project:
    """The project that pods work on, the real one or the toy, with its parameters."""

    toy: bool
    parameters: tuple[str, ...]


def without_switches(switches):
    return tuple(word for word in switches if word != "-S")


REAL_PROJECT = Project(False, without_switches(tiny_switches()))
TOY_PROJECT = Project(True, without_switches(as_options({"seed": 7})))
WITH_TOY = pytest.param(TOY_PROJECT, id="toy")
WITH_REAL_PROJECT = pytest.param(
    REAL_PROJECT, id="whole", marks=[pytest.mark.nightly, pytest.mark.xdist_group("whole pods")]
)


@pytest.fixture(scope="module", params=[WITH_TOY, WITH_REAL_PROJECT])
def project(request):
    return request.param


@pytest.fixture(scope="module")
def patched(project):
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def origin(tmp_path_factory, patched, project):
    """The Git repository that the pods clone; it is bare, as on servers."""
    isolate(patched, tmp_path_factory)
    folder = tmp_path_factory.mktemp("origin")
    for name in [*CODE, *(() if project.toy else DATA), *SETTINGS]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    if project.toy:
        shutil.copy(TOY / "stages.yaml", folder / "dvc.yaml")
        shutil.copy(TOY / "toy.py", folder)
    run(folder, "git init -q -b main")
    run(folder, "dvc remote add -q -d store", f"{STORAGE}/dvc")
    run(folder, "git add .")
    run(folder, "git commit -q -m project")
    run(folder, "git clone -q --bare .", str(folder / "bare.git"))
    return folder / "bare.git"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, patched, origin, project):
    with running_server(patched, tmp_path_factory.mktemp("gcs")) as bucket:
        pods_cluster = Cluster(
            origin.parent,
            tmp_path_factory.mktemp("pods"),
            separate=not project.toy,
            repository=str(origin),
            storage=STORAGE,
            settings=" ".join([*project.parameters, "registry.git_remote=origin"]),
        )
        pods_cluster.bucket = bucket
        yield pods_cluster


@pytest.fixture(scope="module")
def first(cluster, project):
    """The output of each pod of the first run, in which the training of the segmenter is preempted once."""
    commit, printed = cluster.prepare("first"), {}
    for name in cluster.tasks()[1:]:
        if name == "publish":
            cluster.remaining = {blob.name: blob.download_as_bytes() for blob in run_blobs(cluster)}
        if name != "train-segmenter":
            printed[name], _ = cluster.run_good_pod(name, "first", commit)
            continue
        (preempt_the_toy if project.toy else preempt)(cluster, name, commit)
        process, _ = cluster.start_pod(name, "first", commit)  # in a process of its own, as before the preemption
        printed[name], _ = process.communicate()
        assert process.returncode == 0, printed[name]
    cluster.commit = commit
    return printed


def preempt(cluster, name, commit):
    """Wait until a pod has trained for one epoch, then take its node away."""
    process, workspace = cluster.start_pod(name, "first", commit)
    messages = [""]
    while "epoch 1/" not in messages[-1]:
        messages.append(process.stdout.readline())
        assert messages[-1], "".join(messages)
    take_node_away(process, workspace)


def preempt_the_toy(cluster, name, commit):
    """Do the same to the toy training, which reports through a pipe that it is running and that it has saved."""
    pipe = cluster.folder / "told"
    os.mkfifo(pipe)
    process, workspace = cluster.start_pod(name, "first", commit, TOY_TOLD=str(pipe))
    messages = os.open(pipe, os.O_RDONLY)
    assert os.read(messages, 99) == b"training\n"
    os.set_blocking(messages, False)
    take_node_away(process, workspace, lambda: os.read(messages, 99) == b"saved\n")
    os.close(messages)


def take_node_away(process, workspace, saved=lambda: True):
    """Take a pod's node away; once the pod has ended, nothing that it started may still be running."""
    try:
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
        assert saved()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
    shutil.rmtree(workspace)


def run_blobs(cluster):
    return list(cluster.bucket.list_blobs(prefix="glioflow/runs/"))


def restore_blobs(cluster):
    """Put back the blobs that existed when `publish` of the first run began."""
    for name, content in cluster.remaining.items():
        cluster.bucket.blob(name).upload_from_string(content)


def published_file(origin, file, branch="glioflow/results"):
    return run(origin, f"git show {branch}:{file}")


def last_lines(printed):
    return {name: text.splitlines()[-1] for name, text in printed.items()}


def messages(cluster, what):
    """Return the last line that each pod of a stage should print, if all did the same."""
    return {name: f"{name.replace('-', '@')}: {what}" for name in cluster.tasks()[1:-1]}


def test_pods_give_the_same_metrics_as_one_machine(first, origin, cluster, project, tmp_path):
    assert {**last_lines(first), "publish": ""} == {**messages(cluster, "ran"), "publish": ""}
    run(tmp_path, f"git clone -q {origin} here")
    here = tmp_path / "here"
    if project.toy:
        (here / "params.yaml").write_text(
            published_file(origin, "params.yaml").replace("git_remote: origin", "git_remote:")
        )
        run(here, "dvc repro")
    else:
        run(here, "glioflow run", *(word for parameter in project.parameters for word in ("-S", parameter)))
    expected = json.loads((here / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(published_file(origin, "reports/metrics.json")) == expected


def test_results_are_on_a_branch_that_anyone_can_continue(first, origin, cluster, tmp_path):
    assert first["publish"].splitlines()[0] == "demo: ran"
    run(tmp_path, f"git clone -q -b glioflow/results {origin} there")
    there = tmp_path / "there"
    run(there, "dvc pull -q")
    assert (there / "reports" / "report.html").exists()
    assert "Data and pipelines are up to date" in run(there, "dvc status")


def test_an_approved_model_is_registered(first, origin):
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]


def test_pods_leave_only_dvc_data_in_the_bucket(first, cluster):
    remaining = {blob.name.split("/")[1] for blob in cluster.bucket.list_blobs()}
    assert remaining == {"dvc"}


def test_a_night_without_changes_starts_only_two_pods(first, origin, cluster):
    tip = run(origin, "git rev-parse glioflow/results")
    cluster.started.clear()
    printed = cluster.run("second")
    assert cluster.started == ["prepare", "publish"]
    stages = list(messages(cluster, "nothing new").values())
    assert sorted(printed["publish"].splitlines()) == sorted([*stages, "nothing new since the last run"])
    assert run(origin, "git rev-parse glioflow/results") == tip
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]


def test_a_change_starts_only_the_pods_that_depend_on_it(first, cluster, monkeypatch):
    new_settings = f"{cluster.parameters['settings']} gate.margin=0.007"
    monkeypatch.setitem(cluster.parameters, "settings", new_settings)
    cluster.prepare("partly")
    assert list(cluster.tasks_to_run()) == ["evaluate", "report", "push", "publish"]
    for blob in run_blobs(cluster):
        blob.delete()


def test_the_pod_of_a_stage_that_the_commit_lacks_says_so(first, cluster):
    """This happens if the template is older or newer than the commit."""
    (each,) = (each for each in cluster.pods["prepare"]["outputs"]["parameters"] if each["name"] == "ingest")
    assert each["valueFrom"]["default"] == "true"
    step = cluster.pods["ingest"]["container"]["args"][0]
    cluster.pods["later"] = cluster.pods["ingest"] | {
        "container": cluster.pods["ingest"]["container"] | {"args": [step.replace("ingest", "later")]}
    }
    printed, _ = cluster.run_good_pod("later", "other", cluster.commit)
    assert printed.splitlines()[-1] == "later: not part of this workflow"
    for blob in run_blobs(cluster):
        blob.delete()


def test_an_unreachable_bucket_ends_a_pod_with_a_transient_status(first, cluster, monkeypatch, tmp_path):
    if not cluster.separate:  # otherwise it would take a minute
        monkeypatch.setattr(gcsfs.retry, "asyncio", type("", (), {"sleep": staticmethod(no_wait)}))
    with pytest.MonkeyPatch.context() as patch:
        point_clients_at("http://127.0.0.1:9", patch, tmp_path)
        status, printed, _ = cluster.run_pod("split", "away", cluster.commit)
    GCSFileSystem.clear_instance_cache()
    assert status == EX_TEMPFAIL
    assert "does not answer" in printed.splitlines()[-1]


async def no_wait(seconds):
    """Replaces the waits of gcsfs between its attempts."""


def test_publishing_again_after_a_kill_changes_nothing(first, origin, cluster):
    tip = run(origin, "git rev-parse glioflow/results")
    restore_blobs(cluster)
    cluster.run_good_pod("publish", "first", cluster.commit)
    assert run(origin, "git rev-parse glioflow/results") == tip


def test_results_of_another_run_are_not_overwritten(first, origin, cluster, tmp_path):
    run(tmp_path, f"git clone -q -b glioflow/results {origin} other")
    (tmp_path / "other" / "reports" / "metrics.json").write_text("{}")
    run(tmp_path / "other", "git commit -q -am other")
    run(tmp_path / "other", "git push -q origin HEAD:glioflow/results")
    restore_blobs(cluster)
    status, printed, _ = cluster.run_pod("publish", "first", cluster.commit)
    assert status == 2
    assert "another run has published since this one began" in printed.splitlines()[-1]
    assert json.loads(published_file(origin, "reports/metrics.json")) == {}
    for blob in run_blobs(cluster):
        blob.delete()
    run(tmp_path / "other", "git push -q -f origin HEAD~1:glioflow/results")


@pytest.mark.parametrize("project", [WITH_TOY], indirect=True)
def test_a_run_on_new_scans_continues_the_ledger_of_the_branch(first, origin, cluster, monkeypatch):
    """Only with the toy: `demo` is not needed, a dependency is in a bucket, and an output persists."""
    assert published_file(origin, "reports/metrics.json").count("1 scans") == 1
    for name in ("a", "b"):
        cluster.bucket.blob(f"incoming/{name}").upload_from_string(f"scan {name}\n")
    new_settings = f"{cluster.parameters['settings']} source=gs://{BUCKET}/incoming"
    monkeypatch.setitem(cluster.parameters, "settings", new_settings)
    printed = last_lines(cluster.run("third"))
    assert {**printed, "publish": ""} == {
        **{name: line for name, line in messages(cluster, "ran").items() if name != "demo"},
        "publish": "",
    }
    assert "demo" not in printed
    metrics = json.loads(published_file(origin, "reports/metrics.json"))
    assert metrics["data/scans/all.txt"] == "scan a\nscan b\n"
    assert metrics["data/ledger.csv"] == "1 scans\n2 scans\n"


# The last test of the file, so that pytest never alternates between the two projects.
@pytest.mark.parametrize("project", [WITH_REAL_PROJECT], indirect=True)
def test_a_registered_model_has_its_files_in_the_store(first, origin, tmp_path):
    """Only with the real project: the toy has no model."""
    run(tmp_path, f"git clone -q {origin} there")
    run(tmp_path / "there", "dvc artifacts get . layered --rev v1.0.0 -o got")
    assert (tmp_path / "there" / "got" / "1" / "saved_model.pb").exists()
