"""Which parameters contradict each other."""

from __future__ import annotations

import pytest
from changed_params import TREE, params_with

from components.common.errors import UserError


def test_channels_name_flair_once_and_no_sequence_twice():
    for channels in (["pre", "flair", "post"], ["t1", "flair", "t1"]):
        assert params_with(ingest__channels=channels).ingest.channels == channels
    for channels in (["pre", "post"], ["flair", "flair"], ["flair", "pre", "pre"], ["flair", "post", "post"]):
        with pytest.raises(UserError, match="must name flair once, and pre and post at most once"):
            params_with(ingest__channels=channels)


def test_only_the_path_own_none_csv_means_no_table():
    for path in ("own/none.csv", "own/none.csv2", "own/other.csv", "a.csv", "z.csv"):
        assert params_with(evaluate__clinical=path).evaluate.clinical == (None if path == "own/none.csv" else path)


def test_the_policy_has_an_action_for_exactly_the_known_kinds():
    policy = TREE["ingest"]["policy"]
    first = min(policy)
    with pytest.raises(UserError, match=f"{first}: missing"):
        params_with(ingest__policy={kind: action for kind, action in policy.items() if kind != first})
    with pytest.raises(UserError, match="a_kind: there is no such kind"):
        params_with(ingest__policy=policy | {"a_kind": "warn"})
    with pytest.raises(UserError, match=f"{first}: missing"):
        params_with(ingest__policy={kind: action for kind, action in policy.items() if kind != first} | {"~": "warn"})


def test_ways_to_choose_the_test_split_exclude_each_other():
    ways = {"split__fold": 0, "split__holdout_sites": ["A"], "split__file": "own.csv"}
    for one, value in ways.items():
        assert params_with(**{one: value})
        for other in set(ways) - {one}:
            with pytest.raises(UserError, match="exclude each other"):
                params_with(**{one: value, other: ways[other]})
    with pytest.raises(UserError, match="exclude each other"):
        params_with(**ways)


def test_the_fold_is_one_of_the_folds():
    assert [params_with(split__folds=3, split__fold=fold).split.fold for fold in (0, 1, 2)] == [0, 1, 2]
    for fold in (3, 4):
        with pytest.raises(UserError, match=f"fold is {fold}, and folds are numbered 0 to 2"):
            params_with(split__folds=3, split__fold=fold)
    with pytest.raises(UserError, match=r"split\.fold"):
        params_with(split__fold=-1)


def test_val_and_test_leave_a_tenth_for_training():
    assert params_with(split__val=0.4, split__test=0.49)
    for val, test in ((0.4, 0.5), (0.5, 0.45)):
        with pytest.raises(UserError, match="less than a tenth"):
            params_with(split__val=val, split__test=test)
    for share in (0.0, 1.0):
        with pytest.raises(UserError, match=r"split\.val"):
            params_with(split__val=share, split__test=0.1)


def test_the_image_size_can_be_halved_once_per_filter():
    assert params_with(segmenter__image_size=48, segmenter__filters=[8] * 4)
    assert params_with(segmenter__image_size=64, segmenter__filters=[8] * 6)
    with pytest.raises(UserError, match="image_size 48 can't be halved 5 times, once per filter"):
        params_with(segmenter__image_size=48, segmenter__filters=[8] * 5)


FROZEN_FIRST = {"classifier__strategy": "frozen_then_finetune", "classifier__weights": "imagenet"}


def test_some_epochs_are_left_to_finetune():
    assert params_with(**FROZEN_FIRST, classifier__head_epochs=4, classifier__epochs=5)
    assert params_with(classifier__head_epochs=4, classifier__epochs=3)  # this strategy has no head-only phase
    for epochs in (3, 4):
        with pytest.raises(UserError, match=rf"classifier: head_epochs is 4, and there are {epochs} epochs in all: "):
            params_with(**FROZEN_FIRST, classifier__head_epochs=4, classifier__epochs=epochs)


def test_no_head_is_trained_on_random_features():
    for strategy in ("frozen", "frozen_then_finetune"):
        with pytest.raises(UserError, match=f"classifier: strategy {strategy} needs pre-trained weights: "):
            params_with(classifier__strategy=strategy, classifier__weights="none", classifier__epochs=9)
        for pretrained in ({"start": "reference", "weights": "none"}, {"weights": "own/weights/resnet.weights.h5"}):
            parameters = {f"classifier__{name}": value for name, value in pretrained.items()}
            assert params_with(classifier__strategy=strategy, classifier__epochs=9, **parameters)


def test_pre_trained_segmenter_weights_need_a_backbone():
    assert params_with(segmenter__backbone="MobileNet", segmenter__weights="imagenet")
    for weights in ("imagenet", "own.weights.h5"):
        with pytest.raises(UserError, match=f"segmenter: weights is {weights}, and there is no backbone"):
            params_with(segmenter__weights=weights)


def test_deterministic_training_excludes_xla():
    assert params_with(training__xla="on", training__deterministic=False)
    with pytest.raises(UserError, match="training: deterministic and xla: on contradict each other"):
        params_with(training__xla="on", training__deterministic=True)


def test_with_remote_workers_beam_flags_do_not_apply_locally():
    flags = ["--runner=DirectRunner", "--direct_num_workers=7"]
    assert params_with(convert__beam_args=flags).convert.beam_args_here == flags
    remote = params_with(convert__beam_args=flags, convert__storage="gs://bucket").convert
    assert remote.beam_args_here == ["--runner=FnApiRunner", "--direct_num_workers=1"]
