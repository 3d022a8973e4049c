"""The optimizer: its learning rate over the steps, and its moving average of the weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from components.train.optimizer import optimizer


def rates(accumulate, *, steps, epochs):
    """The learning rate that the optimizer uses for each batch."""
    adam = optimizer(1.0, steps, epochs, accumulate)
    weight = keras.Variable(np.zeros(1, "float32"))
    adam.build([weight])
    found = []
    for _ in range(steps * epochs):
        found.append(float(adam.learning_rate))
        adam.apply([np.zeros(1, "float32")])
    return found


def test_the_learning_rate_warms_up_for_an_epoch_then_falls_to_zero():
    found = rates(1, steps=10, epochs=5)
    assert found[0] == pytest.approx(0.1)
    assert found[5] == pytest.approx(0.55)
    assert max(found) == found[10] == pytest.approx(1.0)
    assert found[30] == pytest.approx(0.5)
    assert found[49] < 0.01
    assert found[:11] == sorted(found[:11])
    assert found[10:] == sorted(found[10:], reverse=True)


@pytest.mark.parametrize("accumulate", [2, 5])
def test_accumulated_batches_share_the_rate_of_their_update(accumulate):
    update_rates = rates(1, steps=4, epochs=3)
    found = rates(accumulate, steps=4 * accumulate, epochs=3)
    assert found == pytest.approx(np.repeat(update_rates, accumulate).tolist())


@pytest.mark.parametrize(("steps", "epochs", "accumulate"), [(1, 1, 1), (3, 1, 1), (1, 3, 1), (3, 2, 8)])
def test_very_short_trainings_have_a_positive_learning_rate(steps, epochs, accumulate):
    assert all(0.0 < rate <= 1.0 for rate in rates(accumulate, steps=steps, epochs=epochs))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_weights_are_averaged_on_request(accumulate):
    weight = keras.Variable(np.zeros(1, "float32"))
    adam = optimizer(1.0, 4, 3, accumulate, average=0.9)
    adam.build([weight])
    weight_history = []
    for _ in range(4):
        adam.apply([np.ones(1, "float32")])
        weight_history.append(float(weight[0]))
    steps = weight_history[accumulate - 1 :: accumulate]
    expected = steps[0]
    for value in steps[1:]:
        expected = 0.9 * expected + 0.1 * value
    adam.finalize_variable_values([weight])
    assert float(weight[0]) == pytest.approx(expected, abs=1e-5)
    assert len(set(steps)) > 1
