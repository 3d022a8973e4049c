"""Builds the nodes from TFX's own components (Importer, Trainer, Evaluator, Pusher ...). Runners assemble them."""

from __future__ import annotations

import json
from pathlib import Path

from tfx.components.evaluator.component import Evaluator
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import channel, standard_artifacts

from components.common.params import Params
from components.common.tables import SPLIT_NAMES


def import_examples(uri: str) -> Importer:
    """Import the examples that `convert` wrote below `uri`."""
    node = Importer(
        source_uri=uri,
        artifact_type=standard_artifacts.Examples,
        reimport=True,
        properties={"split_names": json.dumps(list(SPLIT_NAMES))},
        custom_properties={"file_format": "tfrecords_gzip"},
    )
    return node.with_id("ImportExamples")


def import_model(uri: str, name: str) -> Importer:
    """Import a model from a training run or `assemble`; its SavedModel is in `uri`/Format-Serving.

    `name`, of one word or several, becomes the node's id.
    """
    node = Importer(source_uri=uri, artifact_type=standard_artifacts.Model, reimport=True)
    return node.with_id(f"Import{name.title().replace(' ', '')}")


def import_blessing(uri: str, blessed: bool) -> Importer:
    """Import the gate's verdict in the form that Pusher reads."""
    node = Importer(
        source_uri=uri,
        artifact_type=standard_artifacts.ModelBlessing,
        reimport=True,
        custom_properties={"blessed": int(blessed)},
    )
    return node.with_id("ImportBlessing")


def data_validation(examples: channel.BaseChannel, schema: Path | str) -> list[BaseNode]:
    """Statistics of the examples, the curated schema, and the anomalies between them."""
    from components.validate.stage import stats_options

    statistics = StatisticsGen(examples=examples, stats_options=stats_options())
    imported = ImportSchemaGen(schema_file=str(schema))
    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=imported.outputs["schema"])
    return [statistics, imported, validator]


def trainer(
    network: str,
    examples: channel.BaseChannel,
    params: Params,
    live: str | None = None,
    start: channel.BaseChannel | None = None,
) -> Trainer:
    """Trainer of `network`: trains on the split train, monitors val, never sees test.

    Args:
        network: "classifier" or "segmenter".
        examples: examples that `convert` wrote.
        params: all parameters.
        live: folder for plots during training; None for none.
        start: network that the parameters name as `start`, where no folder of the user's is at hand.
    """
    node = Trainer(
        run_fn="components.train.stage.run_fn",
        examples=examples,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["val"]),
        custom_config={"network": network, "params": params.model_dump(mode="json"), "live": live},
        base_model=start,
    )
    return node.with_id(f"Train{network.capitalize()}")


def evaluator(network: str, examples: channel.BaseChannel, model: channel.BaseChannel, params: Params) -> Evaluator:
    """Evaluator of `network` on the test split, with the gate's floors as thresholds."""
    from components.evaluate.tfma_config import eval_config

    node = Evaluator(
        examples=examples, model=model, example_splits=["test"], eval_config=eval_config(network, params.gate)
    )
    return node.with_id(f"Evaluate{network.capitalize()}")


def pusher(model: channel.BaseChannel, blessing: channel.BaseChannel, registry: str) -> Pusher:
    """Pusher of the layered model into a folder, one numbered version each; pushes nothing without a blessing."""
    destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=registry))
    return Pusher(model=model, model_blessing=blessing, push_destination=destination)
