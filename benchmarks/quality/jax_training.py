"""A training of `train.py` under JAX: the same networks, batches and augmentation, compiled into one program.

It is not resumed: on a GPU it takes a few minutes.
"""

from __future__ import annotations

import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

from components.common.bars import bar
from components.common.errors import UserError
from components.common.files import atomic_folder, write_json
from components.common.params import Params
from components.train import settings
from components.train.batch_arrays import BatchArrays
from components.train.drawn_arrays import drawn_arrays
from components.train.optimizer import optimizer
from components.train.training_slices import Slices
from models.networks import network_files
from models.networks.augment import Augmenter
from models.networks.augmented_model import AugmentedModel

GROUP = 8  # steps in one call of the device
AHEAD = 4  # groups of batches that are prepared while the device works


def train(
    network: str,
    params: Params,
    slices: Slices,
    known: np.ndarray,
    people: list[str],
    folder: Path,
    start: Path | None = None,
) -> None:
    """Train `network` on the slices of the numbers `known` for the whole schedule and write it to `folder`.

    Weighted losses and accumulated gradients are left to TensorFlow's loop.

    Raises:
        UserError: the recipe asks for what only TensorFlow's loop does.
    """
    recipe = getattr(params, network)
    _, weighted = settings.balance(params, network)
    if weighted or recipe.accumulate > 1 or len(settings.phases(params, network)) > 1:
        raise UserError(f"{network}: weights, accumulation and phases need TensorFlow; unset KERAS_BACKEND")
    began = time.time()
    keras.utils.set_random_seed(params.seed)
    model = _built(network, params)
    if start:
        model.network.set_weights(network_files.load_network(start).get_weights())
    steps = math.ceil(len(known) / recipe.batch_size)
    model.compile(
        optimizer(recipe.learning_rate, steps, recipe.epochs, 1, recipe.average), settings.loss_of(params, network)
    )
    model.build((None, *model.network.input_shape[1:]))
    model.optimizer.build(model.trainable_variables)
    _run(model, drawn_arrays(params, network, slices, known), steps * recipe.epochs)
    if recipe.average:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    with atomic_folder(folder) as part:
        network_files.save_network(part, model.network, settings.network_arguments(params, network), {"people": people})
        cost = {"seconds": time.time() - began, "slices": steps * recipe.epochs * recipe.batch_size}
        write_json(part / "cost.json", cost | {"device": jax.devices()[0].device_kind})


def _built(network: str, params: Params) -> AugmentedModel:
    recipe = getattr(params, network)
    soft = network == "segmenter" and params.segmenter.soft_masks
    precision = "mixed_bfloat16" if recipe.precision == "auto" else recipe.precision
    keras.mixed_precision.set_dtype_policy(precision)
    built = network_files.build(network, settings.network_arguments(params, network))
    keras.mixed_precision.set_dtype_policy("float32")
    augmenter = Augmenter(**recipe.augment.model_dump(exclude={"thick"}), soft=soft, seed=params.seed)
    return AugmentedModel(built, augmenter, with_masks=network == "segmenter")


def _run(model: AugmentedModel, arrays: BatchArrays, total: int) -> None:
    """Run `total` steps, a group of them in each call of the device, while threads prepare the next batches."""
    parts = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )

    def one(state: Any, batch: Any) -> Any:
        logs, state = model.train_step(state, batch)
        return state, logs["loss"]

    run = jax.jit(lambda state, batches: jax.lax.scan(one, state, batches))
    state: Any = tuple([variable.value for variable in part] for part in parts)
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor() as threads:
        steps = iter(range(total))
        for done in bar(range(0, total, GROUP), "train", unit="group"):
            while len(waiting) < AHEAD * GROUP and (step := next(steps, None)) is not None:
                waiting.append(threads.submit(arrays, step, 0, 1))
            group = [waiting.popleft().result() for _ in range(min(GROUP, total - done))]
            state, losses = run(state, tuple(np.stack(arrays) for arrays in zip(*group, strict=True)))
            losses.block_until_ready()
    for part, values in zip(parts, state, strict=True):
        for variable, value in zip(part, values, strict=True):
            variable.assign(value)
