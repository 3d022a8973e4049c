"""A user's weights and networks have to be below own/weights, where DVC sees them change, however they are named."""

from __future__ import annotations

import json

import pytest
from changed_params import params_with

from components.common.errors import UserError
from pipelines.checks.own_weights import check_start, check_weights

RECORD = {"network": "segmenter", "arguments": {}, "made_from": {"people": ["a"]}}


def write_network(folder):
    folder.mkdir(parents=True)
    (folder / "network.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (folder / "network.weights.h5").touch()
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working folder with weights and a network in own/weights, and others outside it."""
    monkeypatch.chdir(tmp_path)
    write_network(tmp_path / "own" / "weights" / "v1" / "segmenter")
    write_network(tmp_path / "own" / "elsewhere")
    (tmp_path / "own" / "w.h5").touch()
    (tmp_path / "own" / "weights" / "w.h5").touch()
    return tmp_path


@pytest.mark.parametrize("start", ["own/weights/v1/segmenter", "./own/weights/../weights/v1/segmenter/"])
def test_a_network_below_own_weights_is_accepted(project, start):
    assert check_start(params_with(segmenter__start=start), "segmenter").name == start
    assert check_start(params_with(segmenter__start=str(project / start)), "segmenter")


@pytest.mark.parametrize("start", ["own/elsewhere", "own/weights/../elsewhere", "own/weights/linked"])
def test_a_network_elsewhere_is_refused_by_any_path(project, start):
    (project / "own" / "weights" / "linked").symlink_to(project / "own" / "elsewhere")
    with pytest.raises(UserError) as error:
        check_start(params_with(segmenter__start=start), "segmenter")
    assert str(error.value) == (
        f"params.yaml: segmenter.start: {start}: training would not see it change; copy it into own/weights/"
    )


def test_own_weights_itself_may_be_a_link(project):
    (project / "second" / "own").mkdir(parents=True)
    (project / "own" / "weights").rename(project / "first")
    (project / "own" / "weights").symlink_to(project / "first")
    assert check_start(params_with(segmenter__start="own/weights/v1/segmenter"), "segmenter")


def test_weights_whose_path_leaves_own_weights_are_refused(project):
    check_weights(params_with(classifier__weights="own/weights/w.h5"), "classifier")
    check_weights(params_with(classifier__weights="own/weights/../weights/w.h5"), "classifier")
    with pytest.raises(UserError, match=r"^params\.yaml: classifier\.weights: own/weights/\.\./w\.h5: training "):
        check_weights(params_with(classifier__weights="own/weights/../w.h5"), "classifier")


def test_unused_weights_are_not_looked_for(project):
    check_weights(params_with(classifier__weights="own/weights/gone.h5", classifier__start="reference"), "classifier")
