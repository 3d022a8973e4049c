"""Both networks train under JAX, and give the same outputs as under TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import backend_outputs
import keras
import numpy as np
import pytest
from batch_norm_calibration import calibrate_batch_norms
from conftest import ROOT, TEST_PYTHONPATH

from models.networks import losses

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed"),
]

UNDER_JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_backend_optimization_level=0",  # code that runs once is not worth optimising
    "PYTHONPATH": TEST_PYTHONPATH,
}


@pytest.fixture(scope="module")
def both_outputs(tmp_path_factory):
    """Outputs of TensorFlow, outputs of JAX with the same weights, and the finished process that ran JAX."""
    folder = tmp_path_factory.mktemp("backends")
    keras.utils.set_random_seed(7)
    networks = backend_outputs.networks()
    calibrate_batch_norms(networks["segmenter"], 0.0, 255.0, seed=2)
    (backbone,) = (layer for layer in networks["classifier"].layers if isinstance(layer, keras.Model))
    calibrate_batch_norms(backbone, -1.0, 1.0, seed=1)
    for name, network in networks.items():
        network.save_weights(folder / f"{name}.weights.h5")
    expected = backend_outputs.outputs(folder, networks)
    process = subprocess.run(
        [sys.executable, backend_outputs.__file__, str(folder)],
        cwd=ROOT,
        env=os.environ | UNDER_JAX,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found = dict(np.load(folder / "jax.npz")) if (folder / "jax.npz").is_file() else {}
    return expected, found, process


def test_both_networks_train_one_step_under_jax(both_outputs):
    *_, process = both_outputs
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "trained under jax"


def test_all_outputs_are_equal_under_both_backends(both_outputs):
    expected, found, _ = both_outputs
    assert set(found) == set(expected)
    assert {*losses.LOSSES, "pooled_dice", "augmented", "classifier", *backend_outputs.SEGMENTERS} < set(found)
    for name, value in expected.items():
        scale = 255.0 if np.abs(value).max() > 100 else 1.0  # compare intensities of 0..255 on a scale of 0..1
        assert found[name].shape == value.shape, name
        assert found[name].dtype == value.dtype, name
        assert np.abs(found[name] - value).max() <= 1e-4 * scale, name


def test_the_compared_outputs_differ_between_slices(both_outputs):
    expected, *_ = both_outputs
    for name in ("classifier", *backend_outputs.SEGMENTERS, "augmented"):
        assert expected[name].std(axis=0).max() > 0.01, name
