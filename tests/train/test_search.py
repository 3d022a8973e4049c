"""`glioflow tune`, with real trainings of a tiny segmenter: nothing of the stage's is touched, nothing is forgotten."""

from __future__ import annotations

import os
import re
import signal
from types import SimpleNamespace

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from dvc_project import files
from in_process import glioflow
from tiny_training import LIGHT, SIZE, tiny

from components.train import cache
from components.train.checkpoints import Checkpoints, State

pytestmark = pytest.mark.long

RATES = {"learning_rate": [0.1, 0.05]}


@pytest.fixture
def project(tmp_path, sides):
    """A folder with params.yaml, and slices where the search looks for them."""
    return written(tmp_path, sides)


def written(folder, sides):
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "examples").symlink_to(sides)
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny(folder).model_dump(mode="json")), encoding="utf-8")
    return folder


def tune(project, trials, **space):
    """Search, and return what it printed, and the table."""
    (project / "space.yaml").write_text(yaml.safe_dump({"segmenter": space or RATES}), encoding="utf-8")
    told = glioflow("tune", "segmenter", "--trials", trials, "--space", "space.yaml", cwd=project)
    assert told.returncode == 0, told.stderr
    table = project / "reports" / "tuning" / "segmenter.csv"
    return told.stdout, pd.read_csv(table, float_precision="round_trip")


def set_parameters(project, **parameters):
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    params["segmenter"] |= parameters
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def refused(project, text, name="space.yaml"):
    """What is said of a search space, in one line."""
    (project / "space.yaml").write_bytes(text.encode("latin-1"))
    told = glioflow("tune", "segmenter", "--trials", 1, "--space", name, cwd=project)
    assert told.returncode == 2
    (line,) = told.stderr.splitlines()
    return line.removeprefix("glioflow: ")


def interrupt(project, sides):
    """Leave what an interrupted training of the stage leaves: a checkpoint, and slices in its cache; their contents."""
    Checkpoints(str(project / "checkpoints" / "segmenter"), "key").save(State("key", 3), {"model": [np.ones(3)]})
    files_of = cache.example_files([f"{sides}/Split-train/*"])
    place = project / "cache" / "glioflow-segmenter" / "train"
    cache.cached(files_of, cache.data_hash(files_of), SIZE, place, lambda: None)
    return left(project)


def left(project):
    found = files(project / "checkpoints") | files(project / "cache")
    assert found
    return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory, sides):
    """A search beside an interrupted training of the stage: its table, and what there was of the training."""
    project = written(tmp_path_factory.mktemp("searched") / "project", sides)
    before = interrupt(project, sides)
    _, table = tune(project, trials=1)
    return SimpleNamespace(project=project, before=before, table=table)


def test_an_interrupted_training_of_the_stage_survives_a_search(searched):
    assert left(searched.project) == searched.before
    assert [path.name for path in (searched.project / "checkpoints").iterdir()] == ["segmenter"]


def test_a_trial_that_was_interrupted_goes_on_and_keeps_its_best_epoch(tmp_path, sides, searched, monkeypatch):
    stopped, expected, asked = written(tmp_path / "stopped", sides), searched.table, []
    assert expected["score"].notna().all()
    report = optuna.Trial.report

    def stop(trial, value, step):
        report(trial, value, step)
        if step == 1 and not asked:
            asked.append(value)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(optuna.Trial, "report", stop)
    (stopped / "space.yaml").write_text(yaml.safe_dump({"segmenter": RATES}), encoding="utf-8")
    ended = glioflow("tune", "segmenter", "--trials", 1, "--space", "space.yaml", cwd=stopped)
    assert ended.returncode == 143
    assert ended.stderr.splitlines()[-1] == "glioflow: stopped by SIGTERM; the same command continues this trial"
    printed, found = tune(stopped, trials=1)
    assert "resuming at step 13 of 18, epoch 3" in printed
    assert asked[0] < expected["score"][0]  # the best epoch is the first one, before the interruption
    columns = ["score", "epochs", "learning_rate"]
    assert found[columns].equals(expected[columns])


def test_what_it_recommends_can_be_set_and_what_makes_scores_differ_begins_anew(project):
    space = {"tumor_share": [None, 0.5], "augment.rotate": {"low": 0.1, "high": 0.3}}
    printed, table = tune(project, trials=1, **space)
    (advice,) = re.findall(r"glioflow run (.*)", printed)
    told = dict(switch.split("=") for switch in advice.removeprefix("-S ").split(" -S "))
    assert told["segmenter.tumor_share"] in ("null", "0.5")
    assert float(told["segmenter.augment.rotate"]) == table["augment.rotate"][0]  # to the last digit
    set_parameters(project, learning_rate=0.1, tumor_share=0.5)  # as it is, and what the space decides
    assert "trial 1:" not in tune(project, trials=1, **space)[0]
    set_parameters(project, epochs=1)
    printed, again = tune(project, trials=1, **space)
    assert "starting anew" in printed
    assert again["epochs"].tolist() == [1]


@pytest.mark.nightly
def test_where_every_trial_diverges_none_is_recommended(project):
    wild = {"precision": "mixed_float16", "filters": [8, 8], "augment": LIGHT}
    set_parameters(project, epochs=9, **wild)
    printed, table = tune(project, trials=1, learning_rate=[1.0, 0.999])
    assert table["state"].tolist() == ["diverged"]
    assert "glioflow run" not in printed


def test_a_space_that_can_not_be_searched_is_refused_in_one_line(project):
    assert refused(project, "", "missing.yaml").startswith("missing.yaml: no such file; give a search space")
    assert refused(project, "# Größe\n") == "space.yaml: line 1 is not UTF-8; save the file in that encoding"
    twice = "segmenter:\n  loss: [dice, tversky]\n  loss: [dice, tversky]\n"
    assert refused(project, twice) == "space.yaml: the key loss appears twice, line 3; remove one of the two"
    for space, says in {
        "{epochs: {low: 1.0, high: 3.0}}": "segmenter.epochs: Input should be a valid integer",
        "{image_size: {low: 32, high: 64}}": "segmenter.image_size: Input should be a multiple of 16",
        "{loss: [dice, hinge]}": "segmenter.loss: Input should be 'focal_tversky'",
        "{augment.rotate.more: [1, 2]}": "segmenter has no parameter augment.rotate.more",
        "{filters.0: [1, 2]}": "segmenter has no parameter filters.0",
        "{backbone: [null, Xeption]}": "backbone: no backbone 'Xeption'; did you mean Xception?",
    }.items():
        assert refused(project, f"segmenter: {space}").startswith(f"search space: {says}")
    weights = "segmenter: {weights: [none, own/weights/gone.h5]}"
    set_parameters(project, backbone="MobileNet")
    assert refused(project, weights).startswith("params.yaml: segmenter.weights: own/weights/gone.h5: no such file")
    assert not (project / "artifacts").exists()
