from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import both_backends
import keras
import numpy as np
import pytest
from conftest import IMPORTS, ROOT
from settling import settle

from models.networks import losses

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed"),
]

UNDER_JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_backend_optimization_level=0",  # what runs once is compiled sooner
    "PYTHONPATH": IMPORTS,
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What TensorFlow gives, what JAX gives with the same weights, and what the run under JAX printed at its end."""
    folder = tmp_path_factory.mktemp("backends")
    keras.utils.set_random_seed(7)
    networks = both_backends.networks()
    settle(networks["segmenter"], 0.0, 255.0, seed=2)
    (trunk,) = (layer for layer in networks["classifier"].layers if isinstance(layer, keras.Model))
    settle(trunk, -1.0, 1.0, seed=1)
    for name, network in networks.items():
        network.save_weights(folder / f"{name}.weights.h5")
    expected = both_backends.outputs(folder, networks)
    done = subprocess.run(
        [sys.executable, both_backends.__file__, str(folder)],
        cwd=ROOT,
        env=os.environ | UNDER_JAX,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found = dict(np.load(folder / "jax.npz")) if (folder / "jax.npz").is_file() else {}
    return expected, found, done


def test_both_networks_train_a_step_under_the_jax_backend(compared):
    *_, done = compared
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "trained under jax"


def test_every_piece_gives_the_same_under_both_backends(compared):
    expected, found, _ = compared
    assert set(found) == set(expected)
    assert {*losses.LOSSES, "pooled_dice", "augmented", "classifier", *both_backends.SEGMENTERS} < set(found)
    for name, value in expected.items():
        scale = 255.0 if np.abs(value).max() > 100 else 1.0  # intensities of 0..255 count as 0..1
        assert found[name].shape == value.shape, name
        assert found[name].dtype == value.dtype, name
        assert np.abs(found[name] - value).max() <= 1e-4 * scale, name


def test_what_is_compared_tells_slices_apart(compared):
    expected, *_ = compared
    for name in ("classifier", *both_backends.SEGMENTERS, "augmented"):
        assert expected[name].std(axis=0).max() > 0.01, name
