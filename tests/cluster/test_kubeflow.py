"""The compiled Kubeflow pipeline is valid for kfp, and the command of every container really runs.

A container spends nearly all its time importing TFX, so one process runs several commands: by day those that make
examples from scans, at night all of them, and then again each in its own process.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, tiny_tree
from containers import Containers, in_own_process, in_this_process
from whole_project import NO_FLOORS, copy_project

from components.common import params
from components.scans.identity import fingerprint
from pipelines import cli
from pipelines.cluster.dag import steps
from pipelines.editing.params_text import put

# Only one worker imports TFX and kfp, and not during collection.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("tfx")]

FILE = ROOT / "infra" / "kubeflow" / "pipeline.yaml"
TRAININGS = ("TrainClassifier", "TrainSegmenter")
APPROVED = "own/weights/approved"  # no pod has this folder
# What containers pass to each other does not depend on what the networks have learned.
SMALL_SIZES = {
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
    for parameter, value in {**SMALL_SIZES, **NO_FLOORS, **changes}.items():
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


def test_the_file_is_up_to_date_with_dvc_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    produced = CliRunner().invoke(cli.cli, ["compile", "kubeflow", "--out", str(tmp_path / "pipeline.yaml")])
    assert produced.exit_code == 0, produced.output
    assert without_tfdv_options(tmp_path / "pipeline.yaml") == without_tfdv_options(FILE), (
        "run: glioflow compile kubeflow"
    )


def without_tfdv_options(file):
    """Return a pipeline without TFDV's options, which each stack writes differently."""
    pipeline = Containers(file.read_text(encoding="utf-8"))
    options = pipeline.tasks["StatisticsGen"]["inputs"]["parameters"].pop("stats_options_json")
    assert "schema" in str(options)
    return pipeline.spec, pipeline.platform


def test_kfp_reads_the_pipeline_with_all_its_tasks():
    import kfp

    component = kfp.components.load_component_from_text(FILE.read_text(encoding="utf-8"))
    tasks = set(component.pipeline_spec.root.dag.tasks)
    assert tasks == set(Containers(FILE.read_text(encoding="utf-8")).tasks)
    executors = component.platform_spec.platforms["kubernetes"].deployment_spec.executors
    assert set(executors) == {f"{name}_executor" for name in TRAININGS}


@pytest.mark.parametrize(("wrong", "right"), [("taskOutputArtifact", "taskOutputArtefact"), ("dag:", "dags:")])
def test_kfp_refuses_an_invalid_pipeline(wrong, right):
    import kfp
    from google.protobuf import json_format

    with pytest.raises(json_format.ParseError):
        kfp.components.load_component_from_text(FILE.read_text(encoding="utf-8").replace(wrong, right))


def test_every_artifact_has_the_type_that_its_reader_expects():
    tasks = Containers(FILE.read_text(encoding="utf-8"))
    assert mismatches(tasks.spec) == []
    tasks.tasks["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["producerTask"] = "Evaluate"
    assert mismatches(tasks.spec) == ["Pusher.model: Evaluate gives no artifacts_layered"]
    tasks.tasks["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["outputArtifactKey"] = (
        "artifacts_blessing"
    )
    assert mismatches(tasks.spec) == ["Pusher.model: wants another type than Evaluate.artifacts_blessing"]


def mismatches(spec):
    """Return complaints about inputs of tasks that no other task writes, or writes with another type."""
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


def test_only_trainings_request_gpus():
    executors = Containers(FILE.read_text(encoding="utf-8")).executors
    asking = {name for name, one in executors.items() if "accelerator" in one.get("container", {}).get("resources", {})}
    assert asking == {f"{name}_executor" for name in TRAININGS}
    assert {executors[name]["container"]["image"] for name in asking} == {"example/glioflow-gpu:0.1.0"}


def test_champion_and_ledger_are_read_by_importers(tmp_path, compiled):
    given = Containers(compiled(tmp_path, champion="gs://b/champion", ledger="gs://b/ledger"))
    imported = {
        name: one["importer"]["artifactUri"]["constant"] for name, one in given.executors.items() if "importer" in one
    }
    assert imported == {"ImportChampion_executor": "gs://b/champion", "ImportLedger_executor": "gs://b/ledger"}
    assert "ImportChampion" in given.tasks["Evaluate"]["dependentTasks"]
    assert "ImportLedger" in given.tasks["Split"]["dependentTasks"]


def test_a_starting_network_is_read_by_an_importer_without_a_gpu(tmp_path, compiled):
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
    ("settings", "options", "message"),
    [
        (
            ["segmenter.start=reference"],
            [],
            "params.yaml: segmenter.start: pods don't have that folder; give ",
        ),
        ([], ["--start", "gs://b"], "--start: neither classifier.start nor segmenter.start is set in params.yaml; "),
    ],
)
def test_a_start_and_its_address_have_to_be_given_together(tmp_path, monkeypatch, settings, options, message):
    copy_project(tmp_path)
    (tmp_path / "params.yaml").write_text(
        put((ROOT / "params.yaml").read_text(encoding="utf-8"), settings, "params.yaml")[0], encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(cli.cli, ["compile", "kubeflow", "--out", "pipeline.yaml", *options]).exception
    assert str(error).startswith(message)
    assert not (tmp_path / "pipeline.yaml").exists()


@pytest.mark.parametrize(
    ("source", "cached"), [("data/demo", {"enableCache": True}), ("gs://b/scans", {})], ids=["demo", "bucket"]
)
def test_every_run_reads_scans_of_a_bucket_anew(tmp_path, compiled, source, cached):
    tasks = Containers(compiled(tmp_path, parameters().model_copy(update={"source": source}))).tasks
    assert tasks["Ingest"]["cachingOptions"] == cached
    assert tasks["Split"]["cachingOptions"] == {"enableCache": True}


def test_the_containers_make_examples_from_scans(tmp_path, compiled):
    containers = Containers(compiled(tmp_path), tmp_path, in_this_process)
    order = containers.order()
    for name in order[: order.index("Convert") + 1]:
        containers.run(name)
    examples = produced(containers, "Convert", "data_examples")
    assert sorted(folder.name for folder in examples.iterdir()) == ["Split-test", "Split-train", "Split-val"]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(in_this_process, marks=pytest.mark.nightly),
        pytest.param(in_own_process, marks=[pytest.mark.nightly, pytest.mark.xdist_group("containers apart")]),
    ],
    ids=lambda call: call.__name__,
)
def finished(request, tmp_path_factory, compiled):
    """All containers, after each of them has run."""
    folder = tmp_path_factory.mktemp("kubeflow")
    chosen = parameters(**{"segmenter.start": APPROVED})
    write_start(folder / "start" / "segmenter", chosen)
    containers = Containers(compiled(folder, chosen, start=str(folder / "start")), folder, request.param)
    for name in containers.order():
        containers.run(name)
    return containers


def write_start(folder, chosen):
    """Write a segmenter to start from, trained on another patient."""
    from components.train.settings import network_arguments
    from models.networks.network_files import build, save_network

    arguments = network_arguments(chosen, "segmenter")
    save_network(folder, build("segmenter", arguments), arguments, {"people": [fingerprint("somebody else")]})


def produced(containers, task, key):
    (one,) = containers.artifacts(task, key)["artifacts"]
    return Path(one["uri"])


def test_the_containers_make_a_report_and_push_an_approved_model(finished):
    metrics = json.loads((produced(finished, "Evaluate", "reports_metrics_json") / "metrics.json").read_text())
    assert metrics["layered"]["patients"] >= 2
    assert (produced(finished, "Report", "reports_report_html") / "report.html").stat().st_size > 50_000
    (version,) = (finished.folder / "registry").iterdir()
    assert (version / "saved_model.pb").exists()


def test_a_training_starts_from_the_network_given_to_its_pod(finished):
    record = json.loads(
        (produced(finished, "TrainSegmenter", "model_run") / "network.json").read_text(encoding="utf-8")
    )
    assert record["made_from"]["started_from"] == [APPROVED]
    assert fingerprint("somebody else") in record["made_from"]["people"]
    assert not (finished.folder / "TrainSegmenter" / "workspace" / "own").exists()


def test_a_model_that_the_gate_refuses_is_not_pushed(finished, compiled):
    strict = parameters(**{"gate.min_volume_dice": 1.0})
    again = Containers(compiled(finished.folder, strict), finished.folder, finished.call)
    for name in ("Evaluate", "Pusher"):
        shutil.rmtree(finished.folder / name)
        again.run(name)
    verdict = json.loads((produced(again, "Evaluate", "artifacts_blessing") / "verdict.json").read_text())
    assert verdict["verdict"] == "NOT BLESSED"
    assert len(list((finished.folder / "registry").iterdir())) == 1
