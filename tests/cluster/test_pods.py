"""The Argo workflow without a cluster: every pod's own command, in clones that share nothing but a bucket."""

from __future__ import annotations

import json
import shlex
import shutil
import signal

import pytest
from clusters import CODE, SETTINGS, Cluster
from conftest import ROOT
from dvc_project import isolate, run
from gcs_server import BUCKET, running
from whole_project import command, tiny

STORAGE = f"gs://{BUCKET}/glioflow"


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def origin(tmp_path_factory, patched):
    """The Git repository that the pods clone; a bare one, as servers have."""
    isolate(patched, tmp_path_factory)
    folder = tmp_path_factory.mktemp("origin")
    for name in [*CODE, *SETTINGS]:
        (folder / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    run(folder, "git init -q -b main")
    run(folder, "dvc remote add -q -d store", f"{STORAGE}/dvc")
    run(folder, "git add .")
    run(folder, "git commit -q -m project")
    run(folder, "git clone -q --bare . ../origin.git")
    return folder.parent / "origin.git"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, patched, origin):
    with running(patched, tmp_path_factory.mktemp("gcs")) as bucket:
        made = Cluster(
            tmp_path_factory.mktemp("pods"),
            repository=str(origin),
            storage=STORAGE,
            settings=shlex.join([word for word in tiny() if word != "-S"] + ["registry.git_remote=origin"]),
        )
        made.bucket = bucket
        yield made


@pytest.fixture(scope="module")
def first(cluster):
    """What the pods of the first run print, with the training of the segmenter preempted once."""
    _, workspace = cluster.pod("prepare", "first")
    commit, printed = (workspace / "commit").read_text().strip(), {}
    for name in cluster.tasks()[1:]:
        if name == "train-segmenter":
            preempt(cluster, name, commit)
        if name == "publish":
            cluster.left = {blob.name: blob.download_as_bytes() for blob in of_the_run(cluster)}
        printed[name], _ = cluster.pod(name, "first", commit)
    cluster.commit = commit
    return printed


def of_the_run(cluster):
    return list(cluster.bucket.list_blobs(prefix="glioflow/runs/"))


def lay_back(cluster):
    """Put back what the pods of the first run had left when `publish` began."""
    for name, content in cluster.left.items():
        cluster.bucket.blob(name).upload_from_string(content)


def preempt(cluster, name, commit):
    """Let a pod train for an epoch, then take its node away."""
    process, workspace = cluster.begin(name, "first", commit)
    told = [""]
    while "epoch 1/" not in told[-1]:
        told.append(process.stdout.readline())
        assert told[-1], "".join(told)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, "".join(told) + rest
    shutil.rmtree(workspace)


def results(origin, file, branch="glioflow/results"):
    return run(origin, f"git show {branch}:{file}")


def test_pods_reach_what_one_machine_reaches(first, origin, cluster, tmp_path):
    assert {name: text.splitlines()[-1] for name, text in first.items() if name not in ("publish", "push")} == {
        name: f"{name.replace('-', '@')}: ran" for name in cluster.tasks()[1:-2]
    }
    run(tmp_path, f"git clone -q {origin} here")
    here = tmp_path / "here"
    alone = command("glioflow", "run", *tiny(), cwd=here)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    expected = json.loads((here / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(results(origin, "reports/metrics.json")) == expected


def test_results_are_a_branch_that_anybody_can_continue(first, origin, cluster, tmp_path):
    assert first["publish"].splitlines()[0] == "demo: ran"
    run(tmp_path, f"git clone -q -b glioflow/results {origin} there")
    there = tmp_path / "there"
    run(there, "dvc pull -q")
    assert (there / "reports" / "report.html").exists()
    assert "Data and pipelines are up to date" in run(there, "dvc status")


def test_the_model_that_passed_is_registered_and_its_files_are_in_the_store(first, origin, cluster, tmp_path):
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]
    run(tmp_path, f"git clone -q {origin} there")
    run(tmp_path / "there", "dvc artifacts get . layered --rev v1.0.0 -o got")
    assert (tmp_path / "there" / "got" / "1" / "saved_model.pb").exists()


def test_nothing_new_means_nothing_done(first, origin, cluster):
    tip = run(origin, "git rev-parse glioflow/results")
    printed = cluster.run("second")
    assert [text for name, text in printed.items() if "Running stage" in text or "TFX" in text] == []
    assert printed["publish"].splitlines()[-1] == "nothing new since the last run"
    assert run(origin, "git rev-parse glioflow/results") == tip
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]


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
    process, _ = cluster.begin("publish", "first", cluster.commit)
    printed, _ = process.communicate()
    assert process.returncode == 2
    assert "another run has published since this one began" in printed.splitlines()[-1]
    for blob in of_the_run(cluster):
        blob.delete()
    run(tmp_path / "other", "git push -q -f origin HEAD~1:glioflow/results")


def test_pods_leave_only_data_of_dvc_in_the_bucket(first, cluster):
    left = {blob.name.split("/")[1] for blob in cluster.bucket.list_blobs()}
    assert left == {"dvc"}
