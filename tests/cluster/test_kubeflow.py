"""The compiled Kubeflow pipeline: as kfp reads it, and every container's own command run for real.

Nearly all of a container's time is the import of TFX, so one process runs several commands: by day those that make
examples of scans, at night all of them, and then each in a process of its own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, tiny_tree
from containers import Containers, apart, here
from whole_project import NO_FLOORS, copied

from components.common import params
from components.scans.identity import fingerprint
from pipelines import cli
from pipelines.cluster.dag import steps
from pipelines.editing.params_text import put

# One worker imports TFX, and kfp, and not when it collects.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("tfx")]

FILE = ROOT / "infra" / "kubeflow" / "pipeline.yaml"
TRAININGS = ("TrainClassifier", "TrainSegmenter")
APPROVED = "own/weights/approved"  # which no pod has
# What containers hand to each other does not depend on what the networks have learned.
SMALL = {
    "demo.patients": 6,
    "demo.slices": 6,
    "segmenter.filters": [2, 2],
    "segmenter.epochs": 1,
    "convert.shards": 1,
    "ingest.workers": 1,
}


def site(folder, **changes):
    from pipelines.cluster.kubeflow import Site

    given = {"image": "cpu:1", "gpu_image": "gpu:1", "root": str(folder), "registry": str(folder / "registry")}
    return Site(**given | {"code": str(ROOT)} | changes)


def parameters(**changes):
    tree = tiny_tree()
    for parameter, value in {**SMALL, **NO_FLOORS, **changes}.items():
        group, name = parameter.split(".")
        tree[group][name] = value
    return params.parse(tree)


@pytest.fixture(scope="module")
def order():
    return steps(ROOT)


@pytest.fixture(scope="module")
def compiled(order):
    from pipelines.cluster.kubeflow import compiled

    return lambda folder, chosen=None, **more: compiled(order, chosen or parameters(), site(folder, **more))


def test_the_file_is_what_dvc_yaml_makes_of_it_now(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    made = CliRunner().invoke(cli.cli, ["compile", "kubeflow", "--out", str(tmp_path / "pipeline.yaml")])
    assert made.exit_code == 0, made.output
    assert anywhere(tmp_path / "pipeline.yaml") == anywhere(FILE), "run: glioflow compile kubeflow"


def anywhere(file):
    """A pipeline without the options of TFDV, which each stack writes in its own way."""
    pipeline = Containers(file.read_text(encoding="utf-8"))
    options = pipeline.tasks["StatisticsGen"]["inputs"]["parameters"].pop("stats_options_json")
    assert "schema" in str(options)
    return pipeline.spec, pipeline.platform


def test_kfp_reads_it_and_knows_every_task():
    import kfp

    component = kfp.components.load_component_from_text(FILE.read_text(encoding="utf-8"))
    tasks = set(component.pipeline_spec.root.dag.tasks)
    assert tasks == set(Containers(FILE.read_text(encoding="utf-8")).tasks)
    executors = component.platform_spec.platforms["kubernetes"].deployment_spec.executors
    assert set(executors) == {f"{name}_executor" for name in TRAININGS}


@pytest.mark.parametrize(("wrong", "right"), [("taskOutputArtifact", "taskOutputArtefact"), ("dag:", "dags:")])
def test_kfp_refuses_a_pipeline_that_is_none(wrong, right):
    import kfp
    from google.protobuf import json_format

    with pytest.raises(json_format.ParseError):
        kfp.components.load_component_from_text(FILE.read_text(encoding="utf-8").replace(wrong, right))


def test_every_artifact_is_of_the_type_that_its_reader_wants():
    tasks = Containers(FILE.read_text(encoding="utf-8"))
    assert mismatches(tasks.spec) == []
    tasks.tasks["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["producerTask"] = "Evaluate"
    assert mismatches(tasks.spec) == ["Pusher.model: Evaluate gives no artifacts_layered"]
    tasks.tasks["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["outputArtifactKey"] = (
        "artifacts_blessing"
    )
    assert mismatches(tasks.spec) == ["Pusher.model: wants another type than Evaluate.artifacts_blessing"]


def mismatches(spec):
    """What a task reads and no other task writes, or writes in another type."""
    found = []
    for name, task in spec["root"]["dag"]["tasks"].items():
        wanted = spec["components"][name].get("inputDefinitions", {}).get("artifacts", {})
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            producer, output = (source["taskOutputArtifact"][each] for each in ("producerTask", "outputArtifactKey"))
            given = spec["components"][producer]["outputDefinitions"]["artifacts"]
            if output not in given:
                found.append(f"{name}.{key}: {producer} gives no {output}")
            elif given[output]["artifactType"] != wanted[key]["artifactType"]:
                found.append(f"{name}.{key}: wants another type than {producer}.{output}")
    return found


def test_only_trainings_ask_for_gpus():
    executors = Containers(FILE.read_text(encoding="utf-8")).executors
    asking = {name for name, one in executors.items() if "accelerator" in one.get("container", {}).get("resources", {})}
    assert asking == {f"{name}_executor" for name in TRAININGS}
    assert {executors[name]["container"]["image"] for name in asking} == {"example/glioflow-gpu:0.1.0"}


def test_champion_and_ledger_come_in_by_importers(tmp_path, compiled):
    given = Containers(compiled(tmp_path, champion="gs://b/champion", ledger="gs://b/ledger"))
    imported = {
        name: one["importer"]["artifactUri"]["constant"] for name, one in given.executors.items() if "importer" in one
    }
    assert imported == {"ImportChampion_executor": "gs://b/champion", "ImportLedger_executor": "gs://b/ledger"}
    assert "ImportChampion" in given.tasks["Evaluate"]["dependentTasks"]
    assert "ImportLedger" in given.tasks["Split"]["dependentTasks"]


def test_a_network_to_start_from_comes_in_by_an_importer_that_needs_no_gpu(tmp_path, compiled):
    given = Containers(compiled(tmp_path, parameters(**{"segmenter.start": "reference"}), start="gs://b/approved/"))
    imported = {
        name: one["importer"]["artifactUri"]["constant"] for name, one in given.executors.items() if "importer" in one
    }
    assert imported == {"ImportSegmenterStart_executor": "gs://b/approved/segmenter"}
    source = given.tasks["TrainSegmenter"]["inputs"]["artifacts"]["base_model"]["taskOutputArtifact"]
    assert source["producerTask"] == "ImportSegmenterStart"
    assert "base_model" not in given.tasks["TrainClassifier"]["inputs"]["artifacts"]
    assert mismatches(given.spec) == []
    on_gpus = given.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(on_gpus) == {f"{name}_executor" for name in TRAININGS}


@pytest.mark.parametrize(
    ("settings", "options", "says"),
    [
        (
            ["segmenter.start=reference"],
            [],
            "params.yaml: segmenter.start: pods don't have that folder; give ",
        ),
        ([], ["--start", "gs://b"], "--start: neither classifier.start nor segmenter.start is set in params.yaml; "),
    ],
)
def test_a_start_and_its_address_belong_together(tmp_path, monkeypatch, settings, options, says):
    copied(tmp_path)
    (tmp_path / "params.yaml").write_text(
        put((ROOT / "params.yaml").read_text(encoding="utf-8"), settings, "params.yaml")[0], encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(cli.cli, ["compile", "kubeflow", "--out", "pipeline.yaml", *options]).exception
    assert str(error).startswith(says)
    assert not (tmp_path / "pipeline.yaml").exists()


@pytest.mark.parametrize(
    ("source", "cached"), [("data/demo", {"enableCache": True}), ("gs://b/scans", {})], ids=["demo", "bucket"]
)
def test_scans_from_elsewhere_are_read_anew_by_every_run(tmp_path, compiled, source, cached):
    tasks = Containers(compiled(tmp_path, parameters().model_copy(update={"source": source}))).tasks
    assert tasks["Ingest"]["cachingOptions"] == cached
    assert tasks["Split"]["cachingOptions"] == {"enableCache": True}


def test_the_containers_make_examples_of_scans(tmp_path, compiled):
    containers = Containers(compiled(tmp_path), tmp_path, here)
    order = containers.order()
    for name in order[: order.index("Convert") + 1]:
        containers.run(name)
    examples = made(containers, "Convert", "data_examples")
    assert sorted(folder.name for folder in examples.iterdir()) == ["Split-test", "Split-train", "Split-val"]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(here, marks=pytest.mark.nightly),
        pytest.param(apart, marks=[pytest.mark.nightly, pytest.mark.xdist_group("containers apart")]),
    ],
    ids=lambda call: call.__name__,
)
def finished(request, tmp_path_factory, compiled):
    """All containers, run one after another."""
    folder = tmp_path_factory.mktemp("kubeflow")
    chosen = parameters(**{"segmenter.start": APPROVED})
    write_start(folder / "start" / "segmenter", chosen)
    containers = Containers(compiled(folder, chosen, start=str(folder / "start")), folder, request.param)
    for name in containers.order():
        containers.run(name)
    return containers


def write_start(folder, chosen):
    """Write a segmenter to start from, which has learned from somebody else."""
    from components.train.settings import network_arguments
    from models.networks.network_files import build, save_network

    arguments = network_arguments(chosen, "segmenter")
    save_network(folder, build("segmenter", arguments), arguments, {"people": [fingerprint("somebody else")]})


def made(containers, task, key):
    (one,) = containers.artifacts(task, key)["artifacts"]
    return Path(one["uri"])


def test_the_containers_make_a_report_and_push_an_approved_model(finished):
    metrics = json.loads((made(finished, "Evaluate", "reports_metrics_json") / "metrics.json").read_text())
    assert metrics["layered"]["patients"] >= 2
    assert (made(finished, "Report", "reports_report_html") / "report.html").stat().st_size > 50_000
    (version,) = (finished.folder / "registry").iterdir()
    assert (version / "saved_model.pb").exists()


def test_a_training_starts_from_the_network_that_its_pod_was_given(finished):
    record = json.loads((made(finished, "TrainSegmenter", "model_run") / "network.json").read_text(encoding="utf-8"))
    assert record["made_from"]["started_from"] == [APPROVED]
    assert fingerprint("somebody else") in record["made_from"]["people"]
    assert not (finished.folder / "TrainSegmenter" / "workspace" / "own").exists()


def test_the_gate_is_respected(finished, compiled):
    strict = parameters(**{"gate.min_volume_dice": 1.0})
    again = Containers(compiled(finished.folder, strict), finished.folder, finished.call)
    for name in ("Evaluate", "Pusher"):
        shutil.rmtree(finished.folder / name)
        again.run(name)
    verdict = json.loads((made(again, "Evaluate", "artifacts_blessing") / "verdict.json").read_text())
    assert verdict["verdict"] == "NOT BLESSED"
    assert len(list((finished.folder / "registry").iterdir())) == 1
