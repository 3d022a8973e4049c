"""The workflow for Kubeflow Pipelines: the TFX nodes of every stage of dvc.yaml as one DAG, in KFP's own format."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.types import channel

from components.common.params import Params
from components.validate.stage import SCHEMA
from pipelines import local, training
from pipelines.cluster.argo_pod import GPU_NODES
from pipelines.cluster.dag import Resources, Step
from pipelines.cluster.tfx_stage import import_files, stage_node, written

NAME = "glioflow"
COMMAND = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]
# What TFX's own components of these stages read, and the rest of the stage does not.
FOR_TFX = {"validate": {"data/examples"}, "evaluate": {"data/examples", "artifacts/classifier", "artifacts/segmenter"}}


@dataclass(frozen=True)
class Site:
    """What differs between clusters.

    Attributes:
        image: image of all steps but training.
        gpu_image: image of the training steps.
        root: address for artifacts, e.g. gs://bucket/prefix.
        registry: folder to which an approved model is pushed.
        champion: address of the layered model in use; None if there is none.
        ledger: address of a folder with the previous run's ledger.csv, by which patients keep their splits; None for
            the first run.
        start: address of a folder with classifier/ and segmenter/, the networks that training starts from; None if
            they start from none.
        gpu: Kubernetes' resource name for the GPU.
        code: folder of the project in the images.
    """

    image: str
    gpu_image: str
    root: str
    registry: str
    champion: str | None = None
    ledger: str | None = None
    start: str | None = None
    gpu: str = "nvidia.com/gpu"
    code: str = "/opt/glioflow"


def nodes(order: Sequence[Step], params: Params, site: Site) -> list[BaseNode]:
    """TFX nodes of all stages, each with its resources."""
    made: dict[str, list[channel.BaseChannel]] = {}
    found: list[BaseNode] = []
    for step in order:
        new = _stage(step, params, site, made)
        for node in new:
            runs = not isinstance(node, Importer)  # an importer has no container, and so no use for a GPU
            asks = step.resources if runs else step.resources.model_copy(update={"gpu": 0})
            node.platform_config = _resources(asks, site)
        found += new
    return found


def _stage(step: Step, params: Params, site: Site, made: dict[str, list[channel.BaseChannel]]) -> list[BaseNode]:
    """The nodes of one stage; adds its outputs to `made`, path to artifacts."""
    kind, _, network = step.stage.partition("@")
    before: list[BaseNode] = []
    named: dict[str, channel.BaseChannel] = {}
    inputs = {path: made[path] for path in step.inputs if path not in FOR_TFX.get(kind, ())}
    if kind == "train":
        (examples,) = made["data/examples"]
        if getattr(params, network).start is not None:
            before = [training.import_model(f"{str(site.start).rstrip('/')}/{network}", f"{network} start")]
        start = before[0].outputs["result"] if before else None
        node = training.trainer(network, examples, params, start=start)
        node.add_upstream_node(made["data/validation"][0].producer_component)  # an anomaly ends the run
        made[f"artifacts/{network}"] = [node.outputs["model"], node.outputs["model_run"]]
        return [*before, node]
    if kind == "push":
        (model,), (blessing,) = made["artifacts/layered"], made["artifacts/blessing"]
        return [training.pusher(model, blessing, site.registry)]
    if kind == "split" and site.ledger:
        before = [import_files(site.ledger, "ledger")]
        inputs["data/ledger.csv"] = [before[0].outputs["result"]]
    if kind == "validate":
        before = training.data_validation(made["data/examples"][0], f"{site.code}/{'/'.join(SCHEMA.parts[-3:])}")
        statistics, _, validator = before
        named = {"statistics": statistics.outputs["statistics"], "anomalies": validator.outputs["anomalies"]}
    if kind == "evaluate":
        (examples,) = made["data/examples"]
        for name in ("classifier", "segmenter"):
            before.append(training.evaluator(name, examples, made[f"artifacts/{name}"][0], params))
            named[name] = before[-1].outputs["evaluation"]
        if site.champion:
            before.append(training.import_model(site.champion, "champion"))
            inputs[f"{params.gate.champion}/model"] = [before[-1].outputs["result"]]
    node = stage_node(kind, params, inputs, step.outputs, named)
    for path in step.outputs:
        made[path] = [written(node, path)]
    return [*before, node]


def _resources(asks: Resources, site: Site) -> Any:
    kind = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec
    gigabytes = int(asks.memory[:-2]) * (1024**3 if asks.memory.endswith("Gi") else 1024**2) / 1e9
    found = kind(cpu_limit=float(asks.cpu), memory_limit=gigabytes)
    if asks.gpu:
        found.accelerator.type, found.accelerator.count = site.gpu, asks.gpu
    return found


def compiled(order: Sequence[Step], params: Params, site: Site) -> str:
    """The pipeline as `kfp` reads it: one YAML document for the DAG, one for what only Kubernetes understands."""
    found = nodes(order, params, site)
    gpu = [node.id for node in found if not isinstance(node, Importer) and node.platform_config.accelerator.count]
    config = KubeflowV2DagRunnerConfig(
        default_image={"default_image_path": site.image} | dict.fromkeys(gpu, site.gpu_image),
        default_commands=COMMAND,
        use_pipeline_spec_2_1=True,
    )
    pipeline = Pipeline(
        NAME,
        site.root,
        components=found,
        enable_cache=True,
        beam_pipeline_args=local.beam_flags(params.convert.beam_args),
    )
    with tempfile.TemporaryDirectory(prefix="glioflow-compile-") as folder:
        KubeflowV2DagRunner(config, folder, "pipeline.yaml").run(pipeline)
        spec = yaml.safe_load((Path(folder) / "pipeline.yaml").read_text(encoding="utf-8"))
    spec["defaultPipelineRoot"] = site.root
    spec["sdkVersion"] = "tfx"  # the version is that of the compiling machine, and says nothing about the images
    if params.source not in made_by(order):  # Kubeflow can't detect that new scans have arrived
        spec["root"]["dag"]["tasks"]["Ingest"]["cachingOptions"] = {}
    executors = {f"{name}_executor": _on_gpu_nodes() for name in gpu}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    return yaml.safe_dump_all([spec, platform], sort_keys=True, width=120)


def made_by(order: Sequence[Step]) -> set[str]:
    """Paths that the workflow itself writes."""
    return {path for step in order for path in step.outputs}


def _on_gpu_nodes() -> dict[str, Any]:
    tolerations = [each.model_dump(exclude_none=True) for each in GPU_NODES["tolerations"]]
    return {"nodeSelector": {"labels": GPU_NODES["node_selector"]}, "tolerations": tolerations}
