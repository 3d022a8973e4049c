"""From parameters to the phases, loss and arguments of a training."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import tiny_tree
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_training import with_changes

from components.common import params as parameters
from components.common.errors import UserError
from components.train import settings
from components.train.settings import Phase

BASE = parameters.parse(tiny_tree())


def test_a_phase_without_a_weight_update_is_refused(training_params):
    params = with_changes(training_params, "segmenter", epochs=3, accumulate=12)
    settings.check_updates(params, "segmenter", 4)
    with pytest.raises(UserError) as error:
        settings.check_updates(params, "segmenter", 3)
    assert str(error.value) == (
        "params.yaml: segmenter.accumulate is 12, and epochs 1 to 3 have 9 batches: "
        "weights would never change; lower it"
    )
    recipe = {"strategy": "frozen_then_finetune", "weights": "imagenet", "epochs": 9, "accumulate": 12}
    for head, message in ((2, "epochs 1 to 2 have 8 batches"), (7, "epochs 8 to 9 have 8 batches")):
        with pytest.raises(UserError, match=message):
            settings.check_updates(
                with_changes(training_params, "classifier", head_epochs=head, **recipe), "classifier", 4
            )


def test_an_average_dominated_by_the_random_start_is_reported(training_params, capsys):
    params = with_changes(training_params, "segmenter", epochs=3, average=0.99)
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
def test_every_accepted_parameter_change_affects_the_training(network, data):
    """Parameters of the head are excepted: they only matter to the strategy with a phase for the head alone."""

    def training(recipe):
        params = with_changes(BASE, network, **recipe)
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


def test_the_phases_of_a_classifier_depend_on_its_strategy(training_params):
    recipe = {"epochs": 9, "learning_rate": 1e-5, "head_epochs": 2, "head_learning_rate": 1e-3, "weights": "imagenet"}

    def phases(strategy):
        return settings.phases(with_changes(training_params, "classifier", strategy=strategy, **recipe), "classifier")

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
def test_one_parameter_sets_how_the_two_kinds_are_balanced(training_params, network, parameter, value, expected):
    assert settings.balance(with_changes(training_params, network, **{parameter: value}), network) == expected


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_the_loss_is_one_number_per_slice(training_params, network):
    shape = (4, 1) if network == "classifier" else (4, 8, 8, 1)
    targets = np.random.default_rng(1).integers(0, 2, shape).astype("float32")
    loss = settings.loss_of(training_params, network)(targets, np.full(shape, 0.3, "float32"))
    assert loss.shape == (4,)


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_pretrained_weights_are_identified_by_their_content(training_params, tmp_path, network):
    file = tmp_path / "some.weights.h5"
    backbone = {"backbone": "MobileNet"} if network == "segmenter" else {}
    params = with_changes(training_params, network, weights=str(file), **backbone)
    assert settings.weights_hash(params, network) == settings.weights_hash(training_params, network) == ""
    file.write_bytes(b"one")
    one = settings.weights_hash(params, network)
    file.write_bytes(b"two")
    assert len({"", one, settings.weights_hash(params, network)}) == 3
    assert (
        settings.weights_hash(with_changes(params, network, start="reference"), network) == ""
    )  # the start replaces them


def test_only_a_segmenter_on_a_backbone_gets_a_weights_argument(training_params):
    plain = settings.network_arguments(training_params, "segmenter")
    assert not {"backbone", "weights"} & set(plain)
    parameters = with_changes(training_params, "segmenter", backbone="MobileNet", weights="none")
    assert settings.network_arguments(parameters, "segmenter") == plain | {"backbone": "MobileNet", "weights": "none"}
