"""A stage of dvc.yaml as a TFX component: its inputs and outputs are artifacts, its code is the stage's own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_beam_executor, base_component, executor_spec
from tfx.dsl.components.common.importer import Importer
from tfx.types import artifact, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.experimental.simple_artifacts import Dataset

from components.common import params
from components.common.tables import SPLIT_NAMES
from components.evaluate import gate
from components.io.storage import Storage

# Anything without a type of its own is a dataset: a folder, or one with a single file. Kubeflow only knows TFX's types.
TYPES = {
    "data/examples": standard_artifacts.Examples,
    "artifacts/layered": standard_artifacts.Model,
    "artifacts/blessing": standard_artifacts.ModelBlessing,
}


class StageExecutor(base_beam_executor.BaseBeamExecutor):
    """Runs a stage in a separate folder: copies its inputs in, and its outputs out."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[artifact.Artifact]],
        output_dict: dict[str, list[artifact.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the stage `stage` with the parameters `params`, both from `exec_properties`; see `stage_node`."""
        tree = json.loads(exec_properties["params"])
        places, named = json.loads(exec_properties["places"]), json.loads(exec_properties["named"])
        before = Path.cwd()
        with tempfile.TemporaryDirectory(prefix="glioflow-stage-") as folder:
            os.chdir(folder)
            try:
                Path(tree["gate"]["champion"]).mkdir(parents=True)
                for key, (one,) in input_dict.items():
                    _fetch(one.uri, Path(places[key]))
                module = import_module(f"pipelines.stages.{exec_properties['stage']}")
                run = module.after_tfx if named else module.run
                run(params.parse(tree), **{name: Path(place) for name, place in named.items()})
                for key, (one,) in output_dict.items():
                    _keep(Path(places[key]), one)
            finally:
                os.chdir(before)


def _is_file(path: Path) -> bool:
    return bool(path.suffix)


def _fetch(uri: str, path: Path) -> None:
    tree = Storage(uri)
    with tree.local(tree.files) as local_copy:
        shutil.copytree(local_copy, path.parent if _is_file(path) else path, dirs_exist_ok=True)


def _keep(path: Path, one: artifact.Artifact) -> None:
    root = path.parent if _is_file(path) else path
    for file in [path] if _is_file(path) else sorted(each for each in path.rglob("*") if each.is_file()):
        Storage(one.uri).put(file, str(file.relative_to(root)))
    if isinstance(one, standard_artifacts.Examples):
        one.split_names = json.dumps(list(SPLIT_NAMES))
        one.set_string_custom_property("file_format", "tfrecords_gzip")
    if isinstance(one, standard_artifacts.ModelBlessing):
        one.set_int_custom_property("blessed", int(gate.is_blessed(path)))


class StageNode(base_component.BaseComponent):
    """A stage as a node; see `stage_node`."""

    SPEC_CLASS = ComponentSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(StageExecutor)


def stage_node(
    stage: str,
    chosen: params.Params,
    inputs: Mapping[str, Sequence[channel.BaseChannel]],
    outputs: Sequence[str],
    named: Mapping[str, channel.BaseChannel],
) -> StageNode:
    """Build a node that runs a stage of dvc.yaml, or the part of it after the TFX components.

    Args:
        stage: name of a module of `pipelines.stages`; capitalised, it is the node's id.
        chosen: all parameters.
        inputs: path in the repository to the artifacts placed there, later ones over earlier ones.
        outputs: paths in the repository that the stage writes.
        named: outputs of TFX components: arguments of the stage's `after_tfx`. Without any, the node calls `run`.
    """
    places: dict[str, str] = {}
    channels: dict[str, Any] = {}
    for path, sources in inputs.items():
        for number, source in enumerate(sources):
            places[key := f"{_key(path)}_{number}"] = path
            channels[key] = source
    for name, source in named.items():
        places[name], channels[name] = f"named/{name}", source
    made = {_key(path): channel.Channel(type=TYPES.get(path, Dataset)) for path in outputs}
    places |= {_key(path): path for path in outputs}
    properties = {
        "stage": stage,
        "params": chosen.model_dump_json(),
        "places": json.dumps(places),
        "named": json.dumps({name: places[name] for name in named}),
    }
    spec = type(
        f"{stage.capitalize()}Spec",
        (ComponentSpec,),
        {
            "PARAMETERS": {name: ExecutionParameter(type=str) for name in properties},
            "INPUTS": {key: ChannelParameter(type=one.type) for key, one in channels.items()},
            "OUTPUTS": {key: ChannelParameter(type=one.type) for key, one in made.items()},
        },
    )
    return StageNode(spec(**properties, **channels, **made)).with_id(stage.capitalize())


def import_files(uri: str, name: str) -> Importer:
    """Import files that lie at an address."""
    return Importer(source_uri=uri, artifact_type=Dataset).with_id(f"Import{name.capitalize()}")


def written(node: StageNode, path: str) -> channel.BaseChannel:
    """Return the output of a node for a path in the repository."""
    return node.outputs[_key(path)]


def _key(path: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in path)
