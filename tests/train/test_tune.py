"""`glioflow tune` with real trainings of a tiny segmenter: it leaves the stage's files alone and resumes trials."""

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
from tiny_training import LIGHT_AUGMENTATION, SIZE, tiny_training_params

from components.train import cache
from components.train.checkpoints import Checkpoints, State

pytestmark = pytest.mark.long

RATES = {"learning_rate": [0.1, 0.05]}


@pytest.fixture
def project(tmp_path, split_examples):
    """A folder with params.yaml, and slices where the search expects them."""
    return write_project(tmp_path, split_examples)


def write_project(folder, split_examples):
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "examples").symlink_to(split_examples)
    (folder / "params.yaml").write_text(
        yaml.safe_dump(tiny_training_params(folder).model_dump(mode="json")), encoding="utf-8"
    )
    return folder


def tune(project, trials, **space):
    """Run a search; return its output and its table."""
    (project / "space.yaml").write_text(yaml.safe_dump({"segmenter": space or RATES}), encoding="utf-8")
    result = glioflow("tune", "segmenter", "--trials", trials, "--space", "space.yaml", cwd=project)
    assert result.returncode == 0, result.stderr
    table = project / "reports" / "tuning" / "segmenter.csv"
    return result.stdout, pd.read_csv(table, float_precision="round_trip")


def set_parameters(project, **parameters):
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    params["segmenter"] |= parameters
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def refusal(project, text, name="space.yaml"):
    """The one-line error message about a search space."""
    (project / "space.yaml").write_bytes(text.encode("latin-1"))
    result = glioflow("tune", "segmenter", "--trials", 1, "--space", name, cwd=project)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    return line.removeprefix("glioflow: ")


def leave_interrupted_training(project, split_examples):
    """Write a checkpoint and cached slices, as an interrupted training of the stage does; return their contents."""
    Checkpoints(str(project / "checkpoints" / "segmenter"), "key").save(State("key", 3), {"model": [np.ones(3)]})
    train_files = cache.example_files([f"{split_examples}/Split-train/*"])
    cache_folder = project / "cache" / "glioflow-segmenter" / "train"
    cache.cached(train_files, cache.data_hash(train_files), SIZE, cache_folder, lambda: None)
    return remaining_files(project)


def remaining_files(project):
    found = files(project / "checkpoints") | files(project / "cache")
    assert found
    return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory, split_examples):
    """A search in a project with an interrupted training: its table, and the training's files before the search."""
    project = write_project(tmp_path_factory.mktemp("searched") / "project", split_examples)
    before = leave_interrupted_training(project, split_examples)
    _, table = tune(project, trials=1)
    return SimpleNamespace(project=project, before=before, table=table)


def test_an_interrupted_training_of_the_stage_survives_a_search(searched):
    assert remaining_files(searched.project) == searched.before
    assert [path.name for path in (searched.project / "checkpoints").iterdir()] == ["segmenter"]


def test_an_interrupted_trial_resumes_and_keeps_its_best_epoch(tmp_path, split_examples, searched, monkeypatch):
    stopped, expected, stop_scores = write_project(tmp_path / "stopped", split_examples), searched.table, []
    assert expected["score"].notna().all()
    report = optuna.Trial.report

    def stop(trial, value, step):
        report(trial, value, step)
        if step == 1 and not stop_scores:
            stop_scores.append(value)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(optuna.Trial, "report", stop)
    (stopped / "space.yaml").write_text(yaml.safe_dump({"segmenter": RATES}), encoding="utf-8")
    ended = glioflow("tune", "segmenter", "--trials", 1, "--space", "space.yaml", cwd=stopped)
    assert ended.returncode == 143
    assert ended.stderr.splitlines()[-1] == "glioflow: stopped by SIGTERM; the same command continues this trial"
    printed, found = tune(stopped, trials=1)
    assert "resuming at step 13 of 18, epoch 3" in printed
    assert stop_scores[0] < expected["score"][0]  # the best epoch is the first one, before the interruption
    columns = ["score", "epochs", "learning_rate"]
    assert found[columns].equals(expected[columns])


def test_advice_can_be_applied_and_changed_parameters_restart_the_search(project):
    space = {"tumor_share": [None, 0.5], "augment.rotate": {"low": 0.1, "high": 0.3}}
    printed, table = tune(project, trials=1, **space)
    (advice,) = re.findall(r"glioflow run (.*)", printed)
    result = dict(switch.split("=") for switch in advice.removeprefix("-S ").split(" -S "))
    assert result["segmenter.tumor_share"] in ("null", "0.5")
    assert float(result["segmenter.augment.rotate"]) == table["augment.rotate"][0]  # to the last digit
    set_parameters(project, learning_rate=0.1, tumor_share=0.5)  # the current value, and one that the space overrides
    assert "trial 1:" not in tune(project, trials=1, **space)[0]
    set_parameters(project, epochs=1)
    printed, again = tune(project, trials=1, **space)
    assert "starting anew" in printed
    assert again["epochs"].tolist() == [1]


@pytest.mark.nightly
def test_if_every_trial_diverges_nothing_is_recommended(project):
    diverging = {"precision": "mixed_float16", "filters": [8, 8], "augment": LIGHT_AUGMENTATION}
    set_parameters(project, epochs=9, **diverging)
    printed, table = tune(project, trials=1, learning_rate=[1.0, 0.999])
    assert table["state"].tolist() == ["diverged"]
    assert "glioflow run" not in printed


def test_an_invalid_search_space_is_refused_in_one_line(project):
    assert refusal(project, "", "missing.yaml").startswith("missing.yaml: no such file; give a search space")
    assert refusal(project, "# Größe\n") == "space.yaml: line 1 is not UTF-8; save the file in that encoding"
    duplicate_key = "segmenter:\n  loss: [dice, tversky]\n  loss: [dice, tversky]\n"
    assert refusal(project, duplicate_key) == "space.yaml: the key loss appears twice, line 3; remove one of the two"
    for space, problem in {
        "{epochs: {low: 1.0, high: 3.0}}": "segmenter.epochs: Input should be a valid integer",
        "{image_size: {low: 32, high: 64}}": "segmenter.image_size: Input should be a multiple of 16",
        "{loss: [dice, hinge]}": "segmenter.loss: Input should be 'focal_tversky'",
        "{augment.rotate.more: [1, 2]}": "segmenter has no parameter augment.rotate.more",
        "{filters.0: [1, 2]}": "segmenter has no parameter filters.0",
        "{backbone: [null, Xeption]}": "backbone: no backbone 'Xeption'; did you mean Xception?",
    }.items():
        assert refusal(project, f"segmenter: {space}").startswith(f"search space: {problem}")
    weights = "segmenter: {weights: [none, own/weights/gone.h5]}"
    set_parameters(project, backbone="MobileNet")
    assert refusal(project, weights).startswith("params.yaml: segmenter.weights: own/weights/gone.h5: no such file")
    assert not (project / "artifacts").exists()
