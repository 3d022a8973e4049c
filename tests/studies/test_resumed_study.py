"""A search that is resumed on another day tries new values."""

from __future__ import annotations

import optuna
from conftest import tiny_tree

from components.common.params import parse
from components.studies.resumed_study import open_study
from components.studies.space import Range

SPACE = {"learning_rate": Range(low=1e-4, high=1e-1, log=True)}


def session(data, storage, trials):
    files = [[str(data / "examples" / f"Split-{split}" / "*")] for split in ("train", "val")]
    study = open_study("segmenter", parse(tiny_tree()), SPACE, files, storage)
    study.optimize(lambda trial: trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True), n_trials=trials)
    return [trial.params["learning_rate"] for trial in study.trials]


def test_first_sessions_repeat_and_later_ones_try_new_values(data, tmp_path):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    first = session(data, tmp_path / "a", 3)
    assert first == session(data, tmp_path / "b", 3)
    session(data, tmp_path / "a", 3)
    tried = session(data, tmp_path / "a", 3)
    assert tried[:3] == first
    assert len(set(tried)) == 9
