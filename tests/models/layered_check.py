"""Run a saved layered model, and compare its outputs with those of its two networks, composed by hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

MASK_THRESHOLD = 0.4


def serve(saved: tf.Module, slices: np.ndarray) -> dict[str, np.ndarray]:
    served = saved.signatures["serving_default"](slices=tf.constant(slices))
    return {name: tensor.numpy() for name, tensor in served.items()}


def check_outputs(served: dict[str, np.ndarray], probability: np.ndarray, maps: np.ndarray, threshold: float) -> None:
    """Compare with the outputs of the two networks, composed by hand."""
    passed = probability >= threshold
    assert set(served) == {"tumor_probability", "has_tumor", "mask"}
    assert [served[name].dtype for name in ("tumor_probability", "has_tumor", "mask")] == ["float32", "bool", "uint8"]
    assert np.allclose(served["tumor_probability"], probability, atol=1e-5)
    assert np.array_equal(served["has_tumor"], passed)
    expected = (maps >= MASK_THRESHOLD) & passed[:, None, None]
    decided = np.abs(maps - MASK_THRESHOLD) > 1e-5  # rounding may decide the others either way
    assert decided.mean() > 0.999
    assert served["mask"].shape == expected.shape
    assert np.array_equal(served["mask"][decided], expected[decided].astype("uint8"))
    assert not served["mask"][~passed].any()
