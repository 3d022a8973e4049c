"""The Argo workflow without a cluster: every pod's own command, in clones that share nothing but a bucket.

What pods do with stages does not depend on what stages do, so here a toy project takes the place of the real one, which
has its turn at night: the same tests, with TFX in the stages.
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
from clusters import Cluster
from conftest import ROOT
from dvc_project import isolate, run
from gcs_server import BUCKET, lead_clients_to, running
from gcsfs import GCSFileSystem
from whole_project import settings, tiny

from components.common.faults import PASSING

pytestmark = pytest.mark.long

STORAGE = f"gs://{BUCKET}/glioflow"
CODE = ["components", "models", "pipelines", "dvc.yaml", "params.yaml", "pyproject.toml", "champion", "own"]
READ = ["benchmarks/quality/reference"]
SETTINGS = [".dvc/config", ".dvcignore", ".gitignore"]
TOY = Path(__file__).parent / "toy"


@dataclass(frozen=True)
class Project:
    """What pods work on: the real one or the toy, with parameters."""

    toy: bool
    parameters: tuple[str, ...]


def words(switches):
    return tuple(word for word in switches if word != "-S")


WHOLE = Project(False, words(tiny()))
SMALL = Project(True, words(settings({"seed": 7})))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SMALL, id="toy"),
        pytest.param(WHOLE, id="whole", marks=[pytest.mark.nightly, pytest.mark.xdist_group("whole pods")]),
    ],
)
def project(request):
    return request.param


@pytest.fixture(scope="module")
def patched(project):
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def origin(tmp_path_factory, patched, project):
    """The Git repository that the pods clone; a bare one, as servers have."""
    isolate(patched, tmp_path_factory)
    folder = tmp_path_factory.mktemp("origin")
    for name in [*CODE, *(() if project.toy else READ), *SETTINGS]:
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
    with running(patched, tmp_path_factory.mktemp("gcs")) as bucket:
        made = Cluster(
            origin.parent,
            tmp_path_factory.mktemp("pods"),
            apart=not project.toy,
            repository=str(origin),
            storage=STORAGE,
            settings=" ".join([*project.parameters, "registry.git_remote=origin"]),
        )
        made.bucket = bucket
        yield made


@pytest.fixture(scope="module")
def first(cluster, project):
    """What the pods of the first run print, with the training of the segmenter preempted once."""
    commit, printed = cluster.prepare("first"), {}
    for name in cluster.tasks()[1:]:
        if name == "publish":
            cluster.left = {blob.name: blob.download_as_bytes() for blob in of_the_run(cluster)}
        if name != "train-segmenter":
            printed[name], _ = cluster.pod(name, "first", commit)
            continue
        (preempt_the_toy if project.toy else preempt)(cluster, name, commit)
        process, _ = cluster.begin(name, "first", commit)  # in processes of its own from end to end
        printed[name], _ = process.communicate()
        assert process.returncode == 0, printed[name]
    cluster.commit = commit
    return printed


def preempt(cluster, name, commit):
    """Let a pod train for an epoch, then take its node away."""
    process, workspace = cluster.begin(name, "first", commit)
    told = [""]
    while "epoch 1/" not in told[-1]:
        told.append(process.stdout.readline())
        assert told[-1], "".join(told)
    taken(process, workspace)


def preempt_the_toy(cluster, name, commit):
    """The same with a training that tells by a pipe that it is under way, and that it has saved what it had."""
    pipe = cluster.folder / "told"
    os.mkfifo(pipe)
    process, workspace = cluster.begin(name, "first", commit, TOY_TOLD=str(pipe))
    told = os.open(pipe, os.O_RDONLY)
    assert os.read(told, 99) == b"training\n"
    os.set_blocking(told, False)
    taken(process, workspace, lambda: os.read(told, 99) == b"saved\n")
    os.close(told)


def taken(process, workspace, saved=lambda: True):
    """Take a pod's node away; when the pod has ended, nothing that it has started may still be at work."""
    try:
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
        assert saved()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
    shutil.rmtree(workspace)


def of_the_run(cluster):
    return list(cluster.bucket.list_blobs(prefix="glioflow/runs/"))


def lay_back(cluster):
    """Put back what the pods of the first run had left when `publish` began."""
    for name, content in cluster.left.items():
        cluster.bucket.blob(name).upload_from_string(content)


def results(origin, file, branch="glioflow/results"):
    return run(origin, f"git show {branch}:{file}")


def last_lines(printed):
    return {name: text.splitlines()[-1] for name, text in printed.items()}


def told(cluster, what):
    """The last lines of pods that all did the same."""
    return {name: f"{name.replace('-', '@')}: {what}" for name in cluster.tasks()[1:-1]}


def test_pods_reach_what_one_machine_reaches(first, origin, cluster, project, tmp_path):
    assert {**last_lines(first), "publish": ""} == {**told(cluster, "ran"), "publish": ""}
    run(tmp_path, f"git clone -q {origin} here")
    here = tmp_path / "here"
    if project.toy:
        (here / "params.yaml").write_text(results(origin, "params.yaml").replace("git_remote: origin", "git_remote:"))
        run(here, "dvc repro")
    else:
        run(here, "glioflow run", *(word for parameter in project.parameters for word in ("-S", parameter)))
    expected = json.loads((here / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(results(origin, "reports/metrics.json")) == expected


def test_results_are_a_branch_that_anybody_can_continue(first, origin, cluster, tmp_path):
    assert first["publish"].splitlines()[0] == "demo: ran"
    run(tmp_path, f"git clone -q -b glioflow/results {origin} there")
    there = tmp_path / "there"
    run(there, "dvc pull -q")
    assert (there / "reports" / "report.html").exists()
    assert "Data and pipelines are up to date" in run(there, "dvc status")


def test_the_model_that_passed_is_registered_and_its_files_are_in_the_store(first, origin, cluster, project, tmp_path):
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]
    if project.toy:
        return  # which has no model
    run(tmp_path, f"git clone -q {origin} there")
    run(tmp_path / "there", "dvc artifacts get . layered --rev v1.0.0 -o got")
    assert (tmp_path / "there" / "got" / "1" / "saved_model.pb").exists()


def test_pods_leave_only_data_of_dvc_in_the_bucket(first, cluster):
    left = {blob.name.split("/")[1] for blob in cluster.bucket.list_blobs()}
    assert left == {"dvc"}


def test_a_night_with_nothing_new_starts_two_pods_and_does_nothing(first, origin, cluster):
    tip = run(origin, "git rev-parse glioflow/results")
    cluster.started.clear()
    printed = cluster.run("second")
    assert cluster.started == ["prepare", "publish"]
    stages = list(told(cluster, "nothing new").values())
    assert sorted(printed["publish"].splitlines()) == sorted([*stages, "nothing new since the last run"])
    assert run(origin, "git rev-parse glioflow/results") == tip
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]


def test_a_change_starts_the_pods_that_depend_on_it(first, cluster, monkeypatch):
    more = f"{cluster.parameters['settings']} gate.margin=0.007"
    monkeypatch.setitem(cluster.parameters, "settings", more)
    cluster.prepare("partly")
    assert list(cluster.wanted()) == ["evaluate", "report", "push", "publish"]
    for blob in of_the_run(cluster):
        blob.delete()


def test_a_stage_that_the_commit_does_not_know_has_a_pod_that_says_so(first, cluster):
    """It is where the template is older than the commit, or newer."""
    (each,) = (each for each in cluster.pods["prepare"]["outputs"]["parameters"] if each["name"] == "ingest")
    assert each["valueFrom"]["default"] == "true"
    step = cluster.pods["ingest"]["container"]["args"][0]
    cluster.pods["later"] = cluster.pods["ingest"] | {
        "container": cluster.pods["ingest"]["container"] | {"args": [step.replace("ingest", "later")]}
    }
    printed, _ = cluster.pod("later", "other", cluster.commit)
    assert printed.splitlines()[-1] == "later: not part of this workflow"
    for blob in of_the_run(cluster):
        blob.delete()


def test_a_bucket_that_is_away_ends_a_pod_with_the_status_of_what_may_pass(first, cluster, monkeypatch, tmp_path):
    if not cluster.apart:  # else it would take a minute
        monkeypatch.setattr(gcsfs.retry, "asyncio", type("", (), {"sleep": staticmethod(at_once)}))
    with pytest.MonkeyPatch.context() as patch:
        lead_clients_to("http://127.0.0.1:9", patch, tmp_path)
        status, printed, _ = cluster.end("split", "away", cluster.commit)
    GCSFileSystem.clear_instance_cache()
    assert status == PASSING
    assert "does not answer" in printed.splitlines()[-1]


async def at_once(seconds):
    """Stands in for the waits of gcsfs between its attempts."""


def test_publishing_again_after_a_kill_changes_nothing(first, origin, cluster):
    tip = run(origin, "git rev-parse glioflow/results")
    lay_back(cluster)
    cluster.pod("publish", "first", cluster.commit)
    assert run(origin, "git rev-parse glioflow/results") == tip


def test_results_of_another_run_are_not_overwritten(first, origin, cluster, tmp_path):
    run(tmp_path, f"git clone -q -b glioflow/results {origin} other")
    (tmp_path / "other" / "reports" / "metrics.json").write_text("{}")
    run(tmp_path / "other", "git commit -q -am other")
    run(tmp_path / "other", "git push -q origin HEAD:glioflow/results")
    lay_back(cluster)
    status, printed, _ = cluster.end("publish", "first", cluster.commit)
    assert status == 2
    assert "another run has published since this one began" in printed.splitlines()[-1]
    assert json.loads(results(origin, "reports/metrics.json")) == {}
    for blob in of_the_run(cluster):
        blob.delete()
    run(tmp_path / "other", "git push -q -f origin HEAD~1:glioflow/results")


def test_other_scans_in_a_bucket_go_on_with_what_the_branch_knows(first, origin, cluster, project, monkeypatch):
    """A toy's turn alone: `demo` is not needed, a dependency is in a bucket, and an output persists."""
    if not project.toy:
        return
    assert results(origin, "reports/metrics.json").count("1 scans") == 1
    for name in ("a", "b"):
        cluster.bucket.blob(f"incoming/{name}").upload_from_string(f"scan {name}\n")
    more = f"{cluster.parameters['settings']} source=gs://{BUCKET}/incoming"
    monkeypatch.setitem(cluster.parameters, "settings", more)
    printed = last_lines(cluster.run("third"))
    assert {**printed, "publish": ""} == {
        **{name: line for name, line in told(cluster, "ran").items() if name != "demo"},
        "publish": "",
    }
    assert "demo" not in printed
    metrics = json.loads(results(origin, "reports/metrics.json"))
    assert metrics["data/scans/all.txt"] == "scan a\nscan b\n"
    assert metrics["data/ledger.csv"] == "1 scans\n2 scans\n"
