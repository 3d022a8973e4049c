"""Train: what the TFX Trainer runs. One function for both networks, because only their data and loss differ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from components.common.errors import UserError
from components.common.layout import HISTORY
from components.common.params import Params
from components.common.progress import Progress
from components.train import cache, devices, provenance, settings
from components.train.base_model import local_copy
from components.train.batches import batches
from components.train.drawn_arrays import drawn_arrays
from components.train.epoch_validation import MONITORED, Validator
from components.train.interruption import Interruption
from components.train.kept_state import cache_folder, checkpoints_of
from components.train.loop import Loop, OnEpoch
from components.train.measured_model import build
from components.train.origin import origin_of
from components.train.starting_network import known_validation, refuse_tested
from models.networks import export, network_files


def train(
    network: str,
    params: Params,
    train_files: list[str],
    val_files: list[str],
    run_dir: str | Path,
    *,
    live: str | None = None,
    on_epoch: OnEpoch | None = None,
    start_from: Path | None = None,
) -> keras.Model | None:
    """Train `network`, resuming an interrupted run; writes history, arguments and best weights.

    Args:
        network: "classifier" or "segmenter".
        params: all parameters.
        train_files, val_files: patterns of TFRecord files in gzip format.
        run_dir: output folder.
        live: folder for the live plots; None for none.
        on_epoch: function called with the number and the scores of each epoch, beginning with those before an
            interruption.
        start_from: copy of the network that the parameters name as `start`, if it is not where they say.

    Returns:
        The network in float32 with the weights of its best epoch on the validation patients, ready to export. None on
        workers other than the first, which write nothing.

    Raises:
        UserError: a required GPU, pre-trained weights, or the files of a split are missing; the devices can't share a
            batch evenly; the weights would never change; the validation patients can't be scored; the network to start
            from is another one, can't be read, or knows a test patient; training diverged; or the disk is full.
        SystemExit: a signal asked to stop; the state is saved.
    """
    group, shared = getattr(params, network), params.training
    devices.require_gpu(shared.gpu)
    strategy = devices.strategy(shared.devices)  # before any other use of TensorFlow
    if group.batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"params.yaml: {network}.batch_size {group.batch_size} can't be shared evenly by "
            f"{strategy.num_replicas_in_sync} devices; take a multiple"
        )
    start = settings.start_of(params, network, start_from)
    if start:
        refuse_tested(start, network, cache.test_fingerprints(train_files))
    first = shared.devices == "one" or devices.worker_index_and_count()[0] == 0
    keras.utils.set_random_seed(params.seed)
    if shared.deterministic:
        tf.config.experimental.enable_op_determinism()
    files_of = {"train": cache.example_files(train_files), "val": cache.example_files(val_files)}
    data = {split: cache.data_hash(files) for split, files in files_of.items()}
    origin = origin_of(network, params, data, start)
    key = provenance.json_hash(origin)
    with Interruption() as interruption:
        slices, validation = (
            cache.cached(
                files, origin[split], group.image_size, cache_folder(network, params) / split, interruption.check
            )
            for split, files in files_of.items()
        )
        known = known_validation(start, network, validation.fingerprints) if start else 0
        with_masks = network == "segmenter"
        loss, steps = settings.loss_of(params, network), math.ceil(len(slices) / group.batch_size)
        settings.check_updates(params, network, steps)
        arrays = drawn_arrays(params, network, slices)
        with strategy.scope():
            model = build(network, params, origin["precision"], start)
            loop = Loop(
                model,
                phases=settings.phases(params, network),
                loss=loss,
                accumulate=group.accumulate,
                average=group.average,
                xla=origin["xla"],
                batches=batches(arrays),
                steps=steps,
                validate=Validator(
                    model.network,
                    validation,
                    with_masks=with_masks,
                    loss=loss,
                    batch=group.batch_size,
                    neighbors=group.neighbors,
                    xla=origin["xla"],
                    check=interruption.check,
                ),
                monitored=MONITORED[network],
                patience=group.patience,
                checkpoints=checkpoints_of(network, params, key),
                checkpoint_every=shared.checkpoint_steps,
                first_worker=first,
                interruption=interruption,
                progress=Progress(
                    network,
                    steps * group.epochs,
                    group.epochs,
                    live=live if first else None,
                    tensorboard=f"artifacts/tensorboard/{network}" if shared.tensorboard and first else None,
                ),
                on_epoch=on_epoch,
            )
            history = loop.run(key)
    if not first:
        return None
    arguments = settings.network_arguments(params, network)
    origin["people"] = sorted({*slices.fingerprints, *validation.fingerprints})
    if start:
        origin |= {"people": sorted({*origin["people"], *start.fingerprints}), "validation_known_to_start": known}
        arguments |= {"weights": start.arguments.get("weights", "none")} if "weights" in arguments else {}
    network_files.save_network(run_dir, model.network, arguments, origin)
    pd.DataFrame(history).to_csv(Path(run_dir) / HISTORY, index=False)
    return network_files.load_network(run_dir)


def run_fn(fn_args: Any) -> None:
    """Entry point of the TFX Trainer; `custom_config` holds `network`, `params` and, optionally, `live`."""
    config = fn_args.custom_config
    network, params = config["network"], Params.model_validate(config["params"])
    files = fn_args.train_files, fn_args.eval_files, fn_args.model_run_dir
    with local_copy(getattr(fn_args, "base_model", None)) as folder:
        trained = train(network, params, *files, live=config.get("live"), start_from=folder)
    if trained is not None:
        write = export.export_classifier if network == "classifier" else export.export_segmenter
        write(trained, fn_args.serving_model_dir)
