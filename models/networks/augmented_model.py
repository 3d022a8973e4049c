"""A network that augments what it trains on, inside the training step."""

from __future__ import annotations

from typing import Any

import keras

from models.networks.augment import Augmenter


class AugmentedModel(keras.Model):
    """A network that augments its batches during training only.

    Runs under the TensorFlow and the JAX backend: their `train_step` methods differ only in the arguments before the
    batch.
    """

    def __init__(self, network: keras.Model, augmenter: Augmenter, *, with_masks: bool) -> None:
        super().__init__(name=f"augmented_{network.name}")
        self.network, self.augmenter, self.with_masks = network, augmenter, with_masks
        self.augmenter_seeds = augmenter.seeds  # tracked, so that its state persists through compiled steps

    def call(self, slices: Any, training: bool | None = None) -> Any:
        """Run the network."""
        return self.network(slices, training=training)

    def train_step(self, *args: Any) -> Any:
        """Augment, then run Keras' own step."""
        *state, batch = args
        images, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        reference = targets if self.with_masks else None
        if state:
            # JAX passes in the values of all variables, which hold none of their own while a step is compiled.
            trainable, fixed, *others = state[0]
            with keras.StatelessScope(list(zip(self.non_trainable_variables, fixed, strict=True))) as scope:
                images, masks = self.augmenter(images, reference)
            fixed = [scope.get_current_value(variable) for variable in self.non_trainable_variables]
            state = [(trainable, fixed, *others)]
        else:
            images, masks = self.augmenter(images, reference)
        return super().train_step(*state, (images, masks if self.with_masks else targets, weights))
