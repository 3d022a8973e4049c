"""Weights and networks of a user's own lie where DVC sees them change, whatever way a path takes."""

from __future__ import annotations

import json

import pytest
from changed_params import params_with

from components.common.errors import UserError
from pipelines.own_weights import check_start, check_weights

RECORD = {"network": "segmenter", "arguments": {}, "made_from": {"people": ["a"]}}


def write_network(folder):
    folder.mkdir(parents=True)
    (folder / "network.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (folder / "network.weights.h5").touch()
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with own/weights, where commands run, and a network elsewhere."""
    monkeypatch.chdir(tmp_path)
    write_network(tmp_path / "own" / "weights" / "v1" / "segmenter")
    write_network(tmp_path / "own" / "elsewhere")
    (tmp_path / "own" / "w.h5").touch()
    (tmp_path / "own" / "weights" / "w.h5").touch()
    return tmp_path


@pytest.mark.parametrize("start", ["own/weights/v1/segmenter", "./own/weights/../weights/v1/segmenter/"])
def test_a_network_below_own_weights_is_taken(project, start):
    assert check_start(params_with(segmenter__start=start), "segmenter").name == start
    assert check_start(params_with(segmenter__start=str(project / start)), "segmenter")


@pytest.mark.parametrize("start", ["own/elsewhere", "own/weights/../elsewhere", "own/weights/linked"])
def test_a_network_elsewhere_is_refused_whatever_way_leads_there(project, start):
    (project / "own" / "weights" / "linked").symlink_to(project / "own" / "elsewhere")
    with pytest.raises(UserError) as error:
        check_start(params_with(segmenter__start=start), "segmenter")
    assert str(error.value) == (
        f"params.yaml: segmenter.start: {start}: trainings would not see it change; copy it into own/weights/"
    )


def test_own_weights_may_be_a_link_itself_as_in_a_second_workspace(project):
    (project / "second" / "own").mkdir(parents=True)
    (project / "own" / "weights").rename(project / "first")
    (project / "own" / "weights").symlink_to(project / "first")
    assert check_start(params_with(segmenter__start="own/weights/v1/segmenter"), "segmenter")


def test_weights_that_a_path_leads_out_of_the_folder_for_are_refused(project):
    check_weights(params_with(classifier__weights="own/weights/w.h5"), "classifier")
    check_weights(params_with(classifier__weights="own/weights/../weights/w.h5"), "classifier")
    with pytest.raises(UserError, match=r"^params\.yaml: classifier\.weights: own/weights/\.\./w\.h5: trainings "):
        check_weights(params_with(classifier__weights="own/weights/../w.h5"), "classifier")


def test_weights_without_effect_are_not_looked_for(project):
    check_weights(params_with(classifier__weights="own/weights/gone.h5", classifier__start="reference"), "classifier")
