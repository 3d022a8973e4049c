"""The compiled Kubeflow pipeline: as kfp reads it, and every container's own command run for real."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT, tiny_tree
from containers import Containers
from whole_project import NO_FLOORS

from components import params
from pipelines.cluster.dag import steps


def site(folder, **changes):
    from pipelines.cluster.kubeflow import Site

    given = {"image": "cpu:1", "gpu_image": "gpu:1", "root": str(folder), "registry": str(folder / "registry")}
    return Site(**given | {"code": str(ROOT)} | changes)


def knobs(**changes):
    tree = tiny_tree()
    for knob, value in {**NO_FLOORS, **changes}.items():
        group, name = knob.split(".")
        tree[group][name] = value
    return params.parse(tree)


@pytest.fixture(scope="module")
def compiled():
    from pipelines.cluster.kubeflow import compiled

    return lambda folder, **changes: compiled(steps(ROOT), knobs(**changes), site(folder))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, compiled):
    """All containers, run one after another."""
    folder = tmp_path_factory.mktemp("kubeflow")
    containers = Containers(compiled(folder), folder)
    for name in containers.order():
        containers.run(name)
    return containers


def made(containers, task, key):
    (one,) = containers.artifacts(task, key)["artifacts"]
    return Path(one["uri"])


def test_the_containers_make_a_report_and_push_an_approved_model(finished):
    metrics = json.loads((made(finished, "Judge", "reports_metrics_json") / "metrics.json").read_text())
    assert metrics["layered"]["patients"] >= 2
    assert (made(finished, "Report", "reports_report_html") / "report.html").stat().st_size > 50_000
    (version,) = (finished.folder / "registry").iterdir()
    assert (version / "saved_model.pb").exists()


def test_the_gate_is_respected(finished, compiled):
    again = Containers(compiled(finished.folder, **{"gate.min_volume_dice": 1.0}), finished.folder)
    for name in ("Judge", "Pusher"):
        shutil.rmtree(finished.folder / name)
        again.run(name)
    verdict = json.loads((made(again, "Judge", "artifacts_blessing") / "verdict.json").read_text())
    assert verdict["verdict"] == "NOT BLESSED"
    assert len(list((finished.folder / "registry").iterdir())) == 1
