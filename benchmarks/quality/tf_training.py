"""A training of `train.py` with glioflow's own loop, under TensorFlow."""

from __future__ import annotations

import math
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from components.common.files import atomic_folder, write_json
from components.common.params import Params
from components.common.progress import Progress
from components.train import devices, provenance, settings
from components.train.batches import batches
from components.train.checkpoints import Checkpoints
from components.train.drawn_arrays import drawn_arrays
from components.train.interruption import Interruption
from components.train.loop import Loop
from components.train.measured_model import build
from components.train.training_slices import Slices
from models.networks import network_files


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

    It begins with the weights of the network in `start`, which has learned from the same slices.
    """
    recipe = getattr(params, network)
    keras.utils.set_random_seed(params.seed)
    if params.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    model = build(network, params, devices.precision(recipe.precision))
    if start:
        model.network.set_weights(network_files.load_network(start).get_weights())
    steps = math.ceil(len(known) / recipe.batch_size)
    key = provenance.json_hash(params.model_dump(mode="json"))
    checkpoints = Checkpoints(str(folder.with_suffix(".checkpoints")), key)
    began = time.time()
    with Interruption() as interruption:
        history = Loop(
            model,
            phases=settings.phases(params, network),
            loss=settings.loss_of(params, network),
            accumulate=recipe.accumulate,
            average=recipe.average,
            batches=batches(drawn_arrays(params, network, slices, known)),
            xla=False,
            steps=steps,
            validate=lambda: {"finished": time.time()},  # later is better: the last epoch is kept
            monitored="finished",
            patience=recipe.epochs,
            checkpoints=checkpoints,
            checkpoint_every=200,
            first_worker=True,
            interruption=interruption,
            progress=Progress(network, steps * recipe.epochs, recipe.epochs),
        ).run(key)
    with atomic_folder(folder) as part:
        arguments = settings.network_arguments(params, network)
        network_files.save_network(part, model.network, arguments, {"people": people})
        pd.DataFrame(history).to_csv(part / "history.csv", index=False)
        write_json(
            part / "cost.json", {"seconds": time.time() - began, "slices": steps * recipe.epochs * recipe.batch_size}
        )
    checkpoints.clear()
