"""Our Adam, which takes one operation per variable, makes the same updates as that of Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train.adam import Adam

SHAPES = ((3, 3, 2, 4), (4,), ())


def apply_updates(kind, updates, compiled, **options):
    """State of the optimizer, and variables, after updates with random gradients of all magnitudes."""
    rng = np.random.default_rng(0)
    variables = [keras.Variable(rng.normal(size=shape).astype("float32")) for shape in SHAPES]
    optimizer = kind(keras.optimizers.schedules.CosineDecay(0.1, updates), **options)
    optimizer.build(variables)
    apply = tf.function(optimizer.apply) if compiled else optimizer.apply
    for _ in range(updates):
        scale = 10.0 ** rng.integers(-6, 4)
        apply([tf.constant(scale * rng.normal(size=shape), tf.float32) for shape in SHAPES])
    return [variable.numpy() for variable in optimizer.variables], [variable.numpy() for variable in variables]


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_momentum": 0.9}])
@pytest.mark.parametrize("compiled", [False, True])
def test_updates_equal_those_of_keras(options, compiled):
    ours, keras_own = (apply_updates(kind, 7, compiled, **options) for kind in (Adam, keras.optimizers.Adam))
    for one, other in zip(ours, keras_own, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_each_variable_takes_a_single_operation():
    def operations(kind):
        variables = [keras.Variable(np.ones(shape, "float32")) for shape in SHAPES]
        optimizer = kind(0.1)
        optimizer.build(variables)
        apply = tf.function(lambda gradients: optimizer.apply(gradients))
        graph = apply.get_concrete_function([tf.TensorSpec(shape) for shape in SHAPES]).graph
        return [operation.type for operation in graph.get_operations()]

    assert operations(Adam).count("ResourceApplyAdam") == len(SHAPES)
    assert 2 * len(operations(Adam)) < len(operations(keras.optimizers.Adam))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_weights_of_half_precision_networks_stay_in_single_precision(policy):
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(2, dtype=policy)
    layer.build((None, 3))
    before = layer.kernel.numpy()
    optimizer = Adam(0.1)
    optimizer.apply([tf.ones((3, 2), tf.float16), tf.ones(2, tf.float16)], layer.trainable_variables)
    assert layer.kernel.dtype == "float32"
    np.testing.assert_allclose(layer.kernel.numpy(), before - 0.1, atol=1e-5)
