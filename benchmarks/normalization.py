"""What one kernel for batch normalisation saves: `python benchmarks/normalization.py [--size 128]`.

The same training step with Keras' own layer and with `models.networks.norms`, in turns, medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from unittest import mock

import click
import keras
import numpy as np
import tensorflow as tf

from models.networks import norms
from models.networks.resunet import resunet
from models.networks.transfer_resunet import transfer_resunet

BATCH = 16
TURNS = 7


def step_of(network: keras.Model) -> Callable[[], float]:
    """A compiled training step on one batch; gives its loss."""
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.trainable_variables)
    random = np.random.default_rng(1)
    slices = tf.constant(random.integers(0, 256, (BATCH, *network.input_shape[1:])).astype("float32"))
    masks = tf.constant((random.random((BATCH, *network.output_shape[1:])) > 0.9).astype("float32"))

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(masks, network(slices, training=True)))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, network.trainable_variables), network.trainable_variables, strict=True)
        )
        return loss

    return lambda: float(step())


@click.command()
@click.option("--size", default=128, show_default=True, type=click.IntRange(32))
def main(size: int) -> None:
    """Time both."""
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    encoder = {"backbone": "MobileNet", "weights": "none", "upsampling": "nearest"}
    networks = {
        "ResUNet, 16 to 128 filters": lambda: resunet(size=size),
        "ResUNet on MobileNet": lambda: transfer_resunet((16, 32, 64, 128, 256), size=size, **encoder),
    }
    print(f"{size} pixels, batch {BATCH}, bfloat16; slices/s\n")
    print("| network | Keras' layer | one kernel | ratio |\n|---|---|---|---|")
    for name, build in networks.items():
        with mock.patch.object(norms.BatchNormalization, "call", keras.layers.BatchNormalization.call):
            plain = step_of(build())
            plain()
        steps = {"plain": plain, "fast": step_of(build())}
        seconds: dict[str, list[float]] = {kind: [] for kind in steps}
        steps["fast"]()
        for _ in range(TURNS):
            for kind, step in steps.items():
                began = time.perf_counter()
                step()
                seconds[kind].append(time.perf_counter() - began)
        rates = {kind: BATCH / statistics.median(taken) for kind, taken in seconds.items()}
        print(f"| {name} | {rates['plain']:.1f} | {rates['fast']:.1f} | {rates['fast'] / rates['plain']:.2f} |")


if __name__ == "__main__":
    main()
