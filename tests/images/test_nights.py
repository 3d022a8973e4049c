"""The WorkflowTemplate, night after night, each pod in a container of the built image, with the pod's own restrictions.

Git is served over HTTP and wants a password, Cloud Storage is a real server on loopback. What no container on one
machine shows: where pods are placed, how logs are kept, and what a cluster's network lets through.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import time
from types import SimpleNamespace

import built
import pytest
import yaml
from conftest import ROOT
from dvc_project import isolate, run
from gcs_server import BUCKET, running
from git_over_http import READER, WRITER, credentials, serving
from nights import Argo
from whole_project import copy_tracked, tiny

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

TEMPLATE = ROOT / "infra" / "argo" / "workflow-template.yaml"
STORAGE = f"gs://{BUCKET}/glioflow"
PARAMETERS = [word for word in tiny() if word != "-S"]
# What a node tells its pods of the cloud, here of its stand-in on loopback.
OF_THE_CLOUD = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "/nowhere"}
RESULTS = "glioflow/results"


@pytest.fixture(scope="module", autouse=True)
def time_for_it(pytestconfig):
    built.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module")
def image():
    return built.image("cpu")


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def origin(image, tmp_path_factory, patched):
    """The bare repository that pods clone."""
    isolate(patched, tmp_path_factory)
    folder = tmp_path_factory.mktemp("origin")
    copy_tracked(folder, besides=("tests", "docs"))
    run(folder, "git init -q -b main")
    run(folder, "git add .")
    run(folder, "git commit -q -m project")
    bare = tmp_path_factory.mktemp("served") / "glioflow.git"
    run(folder, "git clone -q --bare .", str(bare))
    return bare


@pytest.fixture(scope="module")
def cluster(image, origin, tmp_path_factory, patched):
    """A cluster with its Git server and its bucket."""
    with serving(origin.parent) as (git, address), running(patched, tmp_path_factory.mktemp("gcs")) as bucket:
        given = {
            "repository": f"{address}/{origin.name}",
            "storage": STORAGE,
            "settings": " ".join([*PARAMETERS, "registry.git_remote=origin"]),
            "image": image,
            "gpu_image": image,
            "logs": BUCKET,
        }
        template = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
        secrets = {
            f"glioflow-git-{what}": {"credentials": credentials(address, pair)}
            for what, pair in (("read", READER), ("write", WRITER))
        }
        node = {**OF_THE_CLOUD, "STORAGE_EMULATOR_HOST": os.environ["STORAGE_EMULATOR_HOST"]}
        folder = tmp_path_factory.mktemp("volumes")

        def night(uid, stop_at=None, *, of=template, more=""):
            built.said(f"\nnight {uid}")
            began = time.monotonic()
            settings = f"{given['settings']} {more}".strip()
            argo = Argo(of, folder / uid, secrets, node, **{**given, "settings": settings})
            pods, status = argo.run(uid, stop_at)
            built.said(f"night {uid}: {status}, {len(pods)} pods, {time.monotonic() - began:.0f} s")
            return SimpleNamespace(pods=pods, status=status, printed="".join(pod.printed for pod in pods))

        yield SimpleNamespace(night=night, template=template, git=git, bucket=bucket)


def stages(template):
    tasks = next(each for each in template["spec"]["templates"] if each["name"] == template["spec"]["entrypoint"])
    return [task["name"] for task in tasks["dag"]["tasks"]]


@pytest.fixture(scope="module")
def first(cluster):
    """The first night, in which the node of a training goes away when it has trained for an epoch."""
    return cluster.night("first", {"train-segmenter": "epoch 1/"})


def endings(night):
    return [(pod.name, pod.attempt, pod.status) for pod in night.pods]


def test_all_pods_of_a_night_end_well_and_a_preempted_training_is_tried_again(first, cluster, origin):
    assert first.status == "Succeeded", first.printed[-4000:]
    expected = [(name, 0, 0) for name in stages(cluster.template)]
    place = expected.index(("train-segmenter", 0, 0))
    expected[place : place + 1] = [("train-segmenter", 0, 128 + signal.SIGTERM), ("train-segmenter", 1, 0)]
    assert endings(first) == expected, first.printed[-4000:]
    assert "Traceback" not in first.printed
    assert json.loads(run(origin, f"git show {RESULTS}:reports/metrics.json"))
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]


def test_a_training_goes_on_where_its_node_was_taken_away(first):
    """Its second pod has another clone, and the checkpoint from the bucket."""
    one, other = (pod.printed for pod in first.pods if pod.name == "train-segmenter")
    assert "epoch 1/" in one
    assert "epoch 1/" not in other
    assert "epoch 2/" in other


def test_git_complains_of_nothing(first, cluster):
    """Neither of credentials that can't be kept, nor of who owns a clone."""
    assert [line for line in first.printed.splitlines() if line.startswith(("fatal:", "error:", "warning:"))] == []
    # Git asks without a password first; a reader that tried to write would be refused with one.
    assert [path for path, user in cluster.git.refused if user] == []


def test_pods_leave_only_data_of_dvc_in_the_bucket(first, cluster):
    left = {blob.name.split("/")[1] for blob in cluster.bucket.list_blobs(prefix="glioflow/")}
    assert left == {"dvc"}


def test_a_night_with_nothing_new_starts_two_pods_and_changes_nothing(first, cluster, origin):
    tip = run(origin, f"git rev-parse {RESULTS}")
    night = cluster.night("second")
    assert endings(night) == [("prepare", 0, 0), ("publish", 0, 0)]
    assert "Running stage" not in night.printed
    assert run(origin, f"git rev-parse {RESULTS}") == tip


def read_only(template):
    """The same template with every root read-only, whether it says so itself or not."""
    strict = copy.deepcopy(template)
    for each in strict["spec"]["templates"]:
        if "container" in each:
            each["container"]["securityContext"]["readOnlyRootFilesystem"] = True
    return strict


def test_with_a_read_only_root_all_stages_run(first, cluster, origin):
    night = cluster.night("strict", of=read_only(cluster.template), more="seed=8")
    assert endings(night) == [(name, 0, 0) for name in stages(cluster.template)], night.printed[-4000:]
    assert "Read-only file system" not in night.printed
    assert "seed: 8" in run(origin, f"git show {RESULTS}:params.yaml")
