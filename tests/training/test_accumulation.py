from __future__ import annotations

import numpy as np
import pandas as pd
from tiny_training import NO_AUGMENTATION, changed, run


def test_two_batches_of_four_train_as_one_of_eight(tmp_path, training_params, sides):
    # Of what stands before a normalisation the bias has no say and drifts with the rounding: hence 1e-4 for weights.
    recipe = {"norm": "group", "loss": "crossentropy", "augment": NO_AUGMENTATION, "epochs": 1, "learning_rate": 2e-3}
    trained, scores = [], []
    for batch, accumulate in ((8, 1), (4, 2)):
        params = changed(training_params, "segmenter", batch_size=batch, accumulate=accumulate, **recipe)
        trained.append(run("segmenter", params, sides, tmp_path / str(batch)).get_weights())
        scores.append(pd.read_csv(tmp_path / str(batch) / "history.csv"))
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    pd.testing.assert_frame_equal(*scores, rtol=1e-5)
