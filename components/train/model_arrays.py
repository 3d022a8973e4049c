"""The state of a model as arrays, as a checkpoint holds it: its variables, its optimizer's and its metric's."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from components.train.checkpoints import Arrays
from components.train.measured_model import MeasuredModel


def read_arrays(model: MeasuredModel) -> Arrays:
    """Copy the values of all variables."""
    return {name: [copied(variable) for variable in several] for name, several in _variables(model).items()}


def restore(model: MeasuredModel, saved: Arrays) -> None:
    """Set all variables to the values that `read_arrays` returned."""
    for name, several in _variables(model).items():
        for variable, value in zip(several, saved[name], strict=True):
            variable.assign(value)


def copied(variable: keras.Variable) -> np.ndarray:
    """Copy a variable's value, so that later steps don't change it; NumPy 2 can't read Keras variables itself."""
    return np.array(keras.ops.convert_to_numpy(variable))


def _variables(model: MeasuredModel) -> dict[str, list[Any]]:
    return {"model": model.variables, "optimizer": model.optimizer.variables, "metrics": model.metrics_variables}
