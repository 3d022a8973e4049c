from __future__ import annotations

import numpy as np
import pytest
from conftest import tiny_tree
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_training import changed

from components.common import params as parameters
from components.common.errors import UserError
from components.train import settings
from components.train.settings import Phase

BASE = parameters.parse(tiny_tree())


def test_a_phase_without_an_update_of_the_weights_is_refused(training_params):
    params = changed(training_params, "segmenter", epochs=3, accumulate=12)
    settings.check_updates(params, "segmenter", 4)
    with pytest.raises(UserError) as error:
        settings.check_updates(params, "segmenter", 3)
    assert str(error.value) == (
        "params.yaml: segmenter.accumulate is 12, and epochs 1 to 3 have 9 batches: "
        "weights would never change; lower it"
    )
    recipe = {"strategy": "frozen_then_finetune", "weights": "imagenet", "epochs": 9, "accumulate": 12}
    for head, says in ((2, "epochs 1 to 2 have 8 batches"), (7, "epochs 8 to 9 have 8 batches")):
        with pytest.raises(UserError, match=says):
            settings.check_updates(changed(training_params, "classifier", head_epochs=head, **recipe), "classifier", 4)


def test_an_average_that_keeps_most_of_the_random_start_is_told(training_params, capsys):
    params = changed(training_params, "segmenter", epochs=3, average=0.99)
    settings.check_updates(params, "segmenter", 40)
    assert capsys.readouterr().out == ""
    settings.check_updates(params, "segmenter", 10)
    assert "after 30 batches, a moving average of 0.99 still holds 74%" in capsys.readouterr().out


RECIPES = {
    "classifier": {
        "strategy": ["frozen", "finetune", "frozen_then_finetune"],
        "weights": ["none", "imagenet", "own.weights.h5"],
        "backbone": ["MobileNet", "Small"],
        "epochs": [2, 5],
        "head_epochs": [1, 2, 5],
        "head_learning_rate": [1e-2, 1e-3],
        "learning_rate": [1e-2, 1e-3],
        "pooling": ["avg", "max"],
        "imbalance": ["weight", "sample", "none"],
    },
    "segmenter": {
        "backbone": [None, "MobileNet"],
        "weights": ["none", "imagenet", "own.weights.h5"],
        "filters": [[4, 4], [8, 8]],
        "norm": ["batch", "group"],
        "normalization": ["slice", "unit"],
        "head": ["sigmoid", "softmax"],
        "upsampling": ["transpose", "nearest"],
        "tumor_share": [None, 0.5],
        "epochs": [2, 5],
        "learning_rate": [1e-2, 1e-3],
    },
}


@pytest.mark.parametrize("network", RECIPES)
@given(data=st.data())
def test_a_parameter_that_is_set_and_accepted_changes_the_training(network, data):
    """But for the head's own, which are of the strategy that has a phase of the head alone."""

    def training(recipe):
        params = changed(BASE, network, **recipe)
        return [f(params, network) for f in (settings.network_arguments, settings.phases, settings.balance)]

    recipe = {
        parameter: data.draw(st.sampled_from(values), parameter) for parameter, values in RECIPES[network].items()
    }
    parameter = data.draw(st.sampled_from(sorted(recipe)))
    other = data.draw(
        st.sampled_from([value for value in RECIPES[network][parameter] if value != recipe[parameter]]), "other"
    )
    try:
        one, two = training(recipe), training(recipe | {parameter: other})
    except ValidationError:
        assume(False)
    assert one != two or (parameter.startswith("head_") and recipe["strategy"] != "frozen_then_finetune")


def test_a_segmenter_has_one_phase(training_params):
    parameters = training_params.segmenter
    assert settings.phases(training_params, "segmenter") == [Phase(parameters.epochs, parameters.learning_rate)]


def test_a_classifier_has_a_phase_for_each_of_its_strategies(training_params):
    recipe = {"epochs": 9, "learning_rate": 1e-5, "head_epochs": 2, "head_learning_rate": 1e-3, "weights": "imagenet"}

    def phases(strategy):
        return settings.phases(changed(training_params, "classifier", strategy=strategy, **recipe), "classifier")

    assert phases("finetune") == [Phase(9, 1e-5, "finetune")]
    assert phases("frozen") == [Phase(9, 1e-5, "frozen")]
    assert phases("frozen_then_finetune") == [Phase(2, 1e-3, "frozen"), Phase(9, 1e-5, "finetune")]


@pytest.mark.parametrize(
    ("network", "parameter", "value", "expected"),
    [
        ("segmenter", "tumor_share", 0.3, (0.3, False)),
        ("segmenter", "tumor_share", None, (None, False)),
        ("classifier", "imbalance", "sample", (0.5, False)),
        ("classifier", "imbalance", "weight", (None, True)),
        ("classifier", "imbalance", "none", (None, False)),
    ],
)
def test_one_parameter_says_how_kinds_are_balanced(training_params, network, parameter, value, expected):
    assert settings.balance(changed(training_params, network, **{parameter: value}), network) == expected


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_a_loss_is_one_number_a_slice(training_params, network):
    shape = (4, 1) if network == "classifier" else (4, 8, 8, 1)
    targets = np.random.default_rng(1).integers(0, 2, shape).astype("float32")
    loss = settings.loss_of(training_params, network)(targets, np.full(shape, 0.3, "float32"))
    assert loss.shape == (4,)


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_pretrained_weights_are_known_by_their_content(training_params, tmp_path, network):
    file = tmp_path / "some.weights.h5"
    backbone = {"backbone": "MobileNet"} if network == "segmenter" else {}
    params = changed(training_params, network, weights=str(file), **backbone)
    assert settings.weights_hash(params, network) == settings.weights_hash(training_params, network) == ""
    file.write_bytes(b"one")
    one = settings.weights_hash(params, network)
    file.write_bytes(b"two")
    assert len({"", one, settings.weights_hash(params, network)}) == 3
    assert settings.weights_hash(changed(params, network, start="reference"), network) == ""  # none is read


def test_a_segmenter_on_a_backbone_is_told_its_weights_and_another_is_not(training_params):
    plain = settings.network_arguments(training_params, "segmenter")
    assert not {"backbone", "weights"} & set(plain)
    parameters = changed(training_params, "segmenter", backbone="MobileNet", weights="none")
    assert settings.network_arguments(parameters, "segmenter") == plain | {"backbone": "MobileNet", "weights": "none"}
