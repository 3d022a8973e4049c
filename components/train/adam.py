"""Adam with one operation of TensorFlow per variable instead of two dozen."""

from __future__ import annotations

from typing import Any

import keras


class Adam(keras.optimizers.Adam):
    """Keras' Adam (Kingma and Ba 2015, in the order of computation before section 2.1), quick to trace.

    Keras composes each variable's update of small operations, and a network here has 60 to 170 variables: tracing and
    optimising these takes longer than the rest of the training step. TensorFlow's own kernel does the same in one
    operation. Other backends compile Keras' update. With TensorFlow, `amsgrad` is ignored.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable and its moments; arguments as Keras gives them."""
        if keras.config.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        at = self._get_variable_index(variable)
        update = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[at].value.handle,
            v=self._velocities[at].value.handle,
            beta1_power=self.beta_1**update,
            beta2_power=self.beta_2**update,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )
