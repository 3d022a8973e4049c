"""Train: what the TFX Trainer runs. One function for both networks, because only their data and loss differ."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components import training_data
from components.errors import UserError
from components.layout import HISTORY
from components.params import Params
from models import export, losses, storage
from models.augment import AugmentedModel, Augmenter
from models.classifier import WeightsUnavailableError
from models.metrics import PooledDice


def network_arguments(params: Params, network: str) -> dict[str, Any]:
    """Arguments of the builder of `network` ("classifier" or "segmenter")."""
    if network == "classifier":
        knobs = params.classifier
        return {
            "name": knobs.backbone,
            "weights": knobs.weights,
            "size": knobs.image_size,
            "strategy": knobs.strategy,
            "pooling": knobs.pooling,
            "dropout": knobs.dropout,
            "seed": params.seed,
        }
    shape = params.segmenter
    return {
        "filters": list(shape.filters),
        "size": shape.image_size,
        "normalization": shape.normalization,
        "head": shape.head,
        "upsampling": shape.upsampling,
    }


def learning_rate(peak: float, steps: int, epochs: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """One epoch of linear warm-up from a tenth, then cosine decay to zero; a function of the global step alone."""
    return keras.optimizers.schedules.CosineDecay(
        peak / 10, decay_steps=max(1, steps * (epochs - 1)), warmup_target=peak, warmup_steps=steps
    )


def train(network: str, params: Params, train_files: list[str], val_files: list[str], run_dir: Path) -> keras.Model:
    """Train `network`, write its history, arguments and best weights to `run_dir`.

    Returns:
        The network in float32 with the weights of its best epoch by the validation patients, ready to export.
    """
    knobs = getattr(params, network)
    keras.utils.set_random_seed(params.seed)
    tf.config.experimental.enable_op_determinism()
    arguments = network_arguments(params, network)

    train_slices = training_data.cached_slices(train_files, knobs.image_size)
    val_slices = training_data.cached_slices(val_files, knobs.image_size)
    steps = math.ceil(len(train_slices) / knobs.batch_size)
    augmenter = Augmenter(**knobs.augment.model_dump(), seed=params.seed)
    if network == "classifier":
        batches = training_data.classifier_batches(train_slices, knobs.batch_size, seed=params.seed).repeat()
        val_batches = training_data.classifier_batches(val_slices, knobs.batch_size)
        loss: Any = "binary_crossentropy"
        metric: keras.metrics.Metric = keras.metrics.AUC(name="auroc")
    else:
        batches = training_data.segmenter_batches(
            train_slices, knobs.batch_size, seed=params.seed, tumor_share=knobs.tumor_share
        )
        val_batches = training_data.segmenter_batches(val_slices, knobs.batch_size)
        loss, metric = losses.LOSSES[knobs.loss], PooledDice()

    keras.mixed_precision.set_dtype_policy(knobs.precision)
    try:
        model = AugmentedModel(storage.build(network, arguments), augmenter, with_masks=network == "segmenter")
    except (WeightsUnavailableError, ValueError) as error:
        raise UserError(f"params.yaml: {network}: {error}") from error
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(
        keras.optimizers.Adam(learning_rate(knobs.learning_rate, steps, knobs.epochs)),
        loss=loss,
        metrics=[metric],
        jit_compile=on_gpu,  # XLA makes these networks slower on CPUs
    )
    # Built now: variables that first appear inside the compiled step make TensorFlow trace it twice.
    model.optimizer.build(model.trainable_variables)
    run_dir.mkdir(parents=True, exist_ok=True)
    model.fit(
        batches,
        steps_per_epoch=steps,
        epochs=knobs.epochs,
        validation_data=val_batches,
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            keras.callbacks.CSVLogger(str(run_dir / HISTORY)),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.EarlyStopping(
                f"val_{metric.name}", mode="max", patience=knobs.patience, restore_best_weights=True
            ),
        ],
    )
    storage.save_network(run_dir, model.network, arguments)
    return storage.load_network(run_dir)


def run_fn(fn_args: Any) -> None:
    """Entry point of the TFX Trainer; `custom_config` holds `network` and `params`."""
    network = fn_args.custom_config["network"]
    params = Params.model_validate(fn_args.custom_config["params"])
    trained = train(network, params, fn_args.train_files, fn_args.eval_files, Path(fn_args.model_run_dir))
    write = export.export_classifier if network == "classifier" else export.export_segmenter
    write(trained, fn_args.serving_model_dir)
