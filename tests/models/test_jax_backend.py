from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")

TRAIN_A_STEP = """
import keras
import numpy as np

from models import losses
from models.augment import AugmentedModel, Augmenter
from models.metrics import PooledDice
from models.resunet import resunet

assert keras.backend.backend() == "jax"
keras.utils.set_random_seed(1)
images = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3)).astype("uint8")
masks = (images[..., :1] > 127).astype("float32")
network = resunet((4, 8), size=32)
augmenter = Augmenter(flip=True, rotate=10, zoom=0.1, shift=0.05, intensity=0.1, seed=1)
model = AugmentedModel(network, augmenter, with_masks=True)
model.compile(keras.optimizers.Adam(0.01), loss=losses.focal_tversky, metrics=[PooledDice()])
weights = network.get_weights()
seeds = np.array(augmenter.seeds.state)
history = model.fit(images, masks, batch_size=4, epochs=1, verbose=0).history
assert np.isfinite(history["loss"]).all(), history
assert 0 <= history["pooled_dice"][0] <= 1, history
assert all((new != old).any() for new, old in zip(network.get_weights(), weights, strict=True))
assert (np.array(augmenter.seeds.state) != seeds).any()
assert np.allclose(model.predict(images, verbose=0), network.predict(images, verbose=0), atol=1e-6)
print("trained")
"""


@needs_jax
def test_the_segmenter_trains_a_step_under_the_jax_backend():
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_A_STEP],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "trained"
