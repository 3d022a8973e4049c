"""The WorkflowTemplate runs for several nights, each pod in a container of the built image with its own restrictions.

Git is served over HTTP with a password, and Cloud Storage is a real server on loopback. Containers on one machine can't
test where pods are placed, how logs are kept, and what a cluster's network allows.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import time
from types import SimpleNamespace

import built_images
import pytest
import yaml
from argo_runs import Argo
from conftest import ROOT
from dvc_project import isolate, run
from gcs_server import BUCKET, running_server
from git_over_http import READER, WRITER, credentials, serving
from whole_project import copy_tracked, tiny_switches

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

TEMPLATE = ROOT / "infra" / "argo" / "workflow-template.yaml"
STORAGE = f"gs://{BUCKET}/glioflow"
PARAMETERS = [word for word in tiny_switches() if word != "-S"]
# Variables about the cloud that a node gives its pods, here for the stand-in on loopback.
CLOUD_VARIABLES = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "/nowhere"}
RESULTS = "glioflow/results"


@pytest.fixture(scope="module", autouse=True)
def enough_time(pytestconfig):
    built_images.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module")
def image():
    return built_images.image("cpu")


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def origin(image, tmp_path_factory, patched):
    """The bare Git repository that pods clone."""
    isolate(patched, tmp_path_factory)
    folder = tmp_path_factory.mktemp("origin")
    copy_tracked(folder, excluded=("tests", "docs"))
    run(folder, "git init -q -b main")
    run(folder, "git add .")
    run(folder, "git commit -q -m project")
    bare = tmp_path_factory.mktemp("served") / "glioflow.git"
    run(folder, "git clone -q --bare .", str(bare))
    return bare


@pytest.fixture(scope="module")
def cluster(image, origin, tmp_path_factory, patched):
    """A cluster with its Git server and its bucket."""
    with serving(origin.parent) as (git, address), running_server(patched, tmp_path_factory.mktemp("gcs")) as bucket:
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
            f"glioflow-git-{access}": {"credentials": credentials(address, pair)}
            for access, pair in (("read", READER), ("write", WRITER))
        }
        node = {**CLOUD_VARIABLES, "STORAGE_EMULATOR_HOST": os.environ["STORAGE_EMULATOR_HOST"]}
        folder = tmp_path_factory.mktemp("volumes")

        def night(uid, stop_at=None, *, used_template=template, extra_settings=""):
            built_images.print_now(f"\nnight {uid}")
            began = time.monotonic()
            settings = f"{given['settings']} {extra_settings}".strip()
            argo = Argo(used_template, folder / uid, secrets, node, **{**given, "settings": settings})
            pods, status = argo.run(uid, stop_at)
            built_images.print_now(f"night {uid}: {status}, {len(pods)} pods, {time.monotonic() - began:.0f} s")
            return SimpleNamespace(pods=pods, status=status, printed="".join(pod.printed for pod in pods))

        yield SimpleNamespace(night=night, template=template, git=git, bucket=bucket)


def stages(template):
    tasks = next(each for each in template["spec"]["templates"] if each["name"] == template["spec"]["entrypoint"])
    return [task["name"] for task in tasks["dag"]["tasks"]]


@pytest.fixture(scope="module")
def first(cluster):
    """The first night, in which the node of a training is taken away after its first epoch."""
    return cluster.night("first", {"train-segmenter": "epoch 1/"})


def pod_endings(night):
    return [(pod.name, pod.attempt, pod.status) for pod in night.pods]


def test_all_pods_of_a_night_succeed_and_a_preempted_training_is_retried(first, cluster, origin):
    assert first.status == "Succeeded", first.printed[-4000:]
    expected = [(name, 0, 0) for name in stages(cluster.template)]
    position = expected.index(("train-segmenter", 0, 0))
    expected[position : position + 1] = [("train-segmenter", 0, 128 + signal.SIGTERM), ("train-segmenter", 1, 0)]
    assert pod_endings(first) == expected, first.printed[-4000:]
    assert "Traceback" not in first.printed
    assert json.loads(run(origin, f"git show {RESULTS}:reports/metrics.json"))
    assert run(origin, "git tag").split() == ["layered@v1.0.0"]


def test_a_preempted_training_resumes_from_its_checkpoint(first):
    """Its second pod has a new clone, and gets the checkpoint from the bucket."""
    one, other = (pod.printed for pod in first.pods if pod.name == "train-segmenter")
    assert "epoch 1/" in one
    assert "epoch 1/" not in other
    assert "epoch 2/" in other


def test_git_prints_no_errors_or_warnings(first, cluster):
    """Neither about credentials that it can't store, nor about the owner of a clone."""
    assert [line for line in first.printed.splitlines() if line.startswith(("fatal:", "error:", "warning:"))] == []
    # Git always asks without a password first; a reader that tried to write would be refused with one.
    assert [path for path, user in cluster.git.refused if user] == []


def test_pods_leave_only_dvc_data_in_the_bucket(first, cluster):
    prefixes = {blob.name.split("/")[1] for blob in cluster.bucket.list_blobs(prefix="glioflow/")}
    assert prefixes == {"dvc"}


def test_a_night_without_changes_starts_two_pods_and_changes_nothing(first, cluster, origin):
    tip = run(origin, f"git rev-parse {RESULTS}")
    night = cluster.night("second")
    assert pod_endings(night) == [("prepare", 0, 0), ("publish", 0, 0)]
    assert "Running stage" not in night.printed
    assert run(origin, f"git rev-parse {RESULTS}") == tip


def read_only(template):
    """Return a copy of the template in which every root filesystem is read-only."""
    strict = copy.deepcopy(template)
    for each in strict["spec"]["templates"]:
        if "container" in each:
            each["container"]["securityContext"]["readOnlyRootFilesystem"] = True
    return strict


def test_all_stages_run_with_a_read_only_root(first, cluster, origin):
    night = cluster.night("strict", used_template=read_only(cluster.template), extra_settings="seed=8")
    assert pod_endings(night) == [(name, 0, 0) for name in stages(cluster.template)], night.printed[-4000:]
    assert "Read-only file system" not in night.printed
    assert "seed: 8" in run(origin, f"git show {RESULTS}:params.yaml")
