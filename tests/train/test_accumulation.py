from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tiny_training import NO_AUGMENTATION, changed, run

# In neither has a slice a say in what the others give: there is no normalisation by batch that learns.
FROZEN = {"strategy": "frozen", "dropout": 0.0, "imbalance": "none"}
GROUPED = {"norm": "group", "loss": "crossentropy"}


@pytest.mark.parametrize(
    ("network", "recipe"), [("classifier", FROZEN), pytest.param("segmenter", GROUPED, marks=pytest.mark.nightly)]
)
def test_two_batches_of_four_train_as_one_of_eight(tmp_path, training_params, sides, backbone_file, network, recipe):
    # Of what stands before a normalisation the bias has no say and drifts with the rounding: hence 1e-4 for weights.
    recipe = recipe | {"augment": NO_AUGMENTATION, "epochs": 2, "learning_rate": 2e-3}
    if network == "classifier":
        recipe |= {"weights": str(backbone_file)}
    trained, scores = [], []
    for batch, accumulate in ((8, 1), (4, 2)):
        params = changed(training_params, network, batch_size=batch, accumulate=accumulate, **recipe)
        trained.append(run(network, params, sides, tmp_path / str(batch)).get_weights())
        scores.append(pd.read_csv(tmp_path / str(batch) / "history.csv"))
    assert np.abs(trained[0][-1]).max() > 1e-3  # the last bias has learned
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    pd.testing.assert_frame_equal(*scores, rtol=1e-5)
