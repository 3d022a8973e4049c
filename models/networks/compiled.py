"""`tf.function` for code that is a graph already: nothing here branches or loops on a tensor's value in Python.

By default TensorFlow rewrites all code it traces, so that it may. That takes a quarter of what a SavedModel takes.
"""

from __future__ import annotations

import functools

import tensorflow as tf

compiled = functools.partial(tf.function, autograph=False)
