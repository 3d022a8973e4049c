from __future__ import annotations

import numpy as np
from tiny_training import NO_AUGMENTATION, changed, run


def test_two_batches_of_four_train_as_one_of_eight(tmp_path, training_params, sides):
    recipe = {"norm": "group", "loss": "crossentropy", "augment": NO_AUGMENTATION, "epochs": 2}
    trained = []
    for batch, accumulate in ((8, 1), (4, 2)):
        params = changed(training_params, "segmenter", batch_size=batch, accumulate=accumulate, **recipe)
        trained.append(run("segmenter", params, sides, tmp_path / str(batch)).get_weights())
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
