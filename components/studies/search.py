"""Search for better training parameters with Optuna; validation patients decide, test patients stay unseen."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import optuna

from components.common.errors import UserError
from components.common.params import Params
from components.studies.resumed_study import DONE, FIRST, open_study
from components.studies.space import ContradictionError, Space, changed, check_space
from components.train.epoch_validation import MONITORED
from components.train.kept_state import forget_checkpoints
from components.train.stage import train
from models.networks.zoo import scaling

DIVERGED = "diverged"


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Let the trial suggest a value for every parameter."""
    chosen: dict[str, Any] = {}
    for parameter, values in space.items():
        if isinstance(values, list):
            chosen[parameter] = trial.suggest_categorical(parameter, values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            chosen[parameter] = trial.suggest_int(parameter, values.low, values.high, log=values.log)
        else:
            chosen[parameter] = trial.suggest_float(parameter, values.low, values.high, log=values.log)
    return chosen


def check_backbones(space: Space) -> None:
    """Refuse a space with a backbone that does not exist; raises UserError."""
    values = space.get("backbone")
    for name in values if isinstance(values, list) else ():
        if name is not None:
            try:
                scaling(str(name))
            except ValueError as error:
                raise UserError(f"search space: backbone: {error}") from error


def search(
    network: str,
    params: Params,
    space: Space,
    examples: Path,
    storage: Path,
    *,
    trials: int,
) -> list[dict[str, Any]]:
    """Run the study until it has this many finished trials, counting those already in `storage`.

    A study belongs to one search space and one state of everything else that training depends on: scores from other
    data, parameters or code can't be compared, so a change starts another study. Trials keep caches and checkpoints of
    their own.

    Args:
        network: "classifier" or "segmenter".
        params: parameters that the space does not set.
        space: parameters of the network, and the values to try.
        examples: folder written by convert.
        storage: Optuna's journal; an interrupted trial resumes where it stopped.
        trials: total number of finished trials, including pruned ones.

    Returns:
        One row per finished trial, best first, diverged ones last: trial, state, score, epochs, and every parameter.
    """
    check_space(space, params, network)
    check_backbones(space)
    files = [[str(examples / f"Split-{split}" / "*")] for split in ("train", "val")]
    study = open_study(network, params, space, files, storage)
    place = _place(network, params)
    left = trials - len(study.get_trials(states=DONE))
    if left > 0:
        study.optimize(lambda trial: _attempt(trial, network, params, space, files, place), n_trials=left)
    for folder in place:
        if "://" not in folder:
            shutil.rmtree(folder, ignore_errors=True)
    rows = [
        {
            "trial": trial.number + 1,
            "state": DIVERGED if trial.user_attrs.get(DIVERGED) else trial.state.name.lower(),
            "score": max(trial.intermediate_values.values(), default=None),
            "epochs": trial.user_attrs.get("epochs", 0),
            **trial.params,
        }
        for trial in study.get_trials(states=DONE)
    ]
    return sorted(rows, key=lambda row: (row["state"] == DIVERGED, row["score"] is None, -(row["score"] or 0)))


def _attempt(
    trial: optuna.Trial,
    network: str,
    params: Params,
    space: Space,
    files: list[list[str]],
    place: tuple[str, str],
) -> float:
    """Train with the trial's suggestions; returns the score of the best epoch, or raises TrialPruned."""
    keras.backend.clear_session()
    values = suggest(trial, space)
    print(f"trial {trial.number + 1}: " + "  ".join(f"{parameter} {value}" for parameter, value in values.items()))
    scores: list[float] = []

    def on_epoch(epoch: int, row: dict[str, float]) -> None:
        scores.append(row[MONITORED[network]])
        trial.report(scores[-1], epoch)
        trial.set_user_attr("epochs", epoch + 1)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        mine = _placed(changed(params, network, values), place, trial.user_attrs.get(FIRST, trial.number))
    except ContradictionError as error:
        print(f"trial {trial.number + 1}: skipped: {error}")
        raise optuna.TrialPruned from error
    with tempfile.TemporaryDirectory(prefix="glioflow-trial-") as folder:
        try:
            train(network, mine, files[0], files[1], folder, on_epoch=on_epoch)
        except optuna.TrialPruned:
            forget_checkpoints(network, mine)
            raise
        except UserError as error:
            if "diverged" not in str(error):
                raise  # the checkpoints stay, for when the cause is fixed
            trial.set_user_attr(DIVERGED, True)
            forget_checkpoints(network, mine)
            raise optuna.TrialPruned from error
    forget_checkpoints(network, mine)
    return max(scores)


def _place(network: str, params: Params) -> tuple[str, str]:
    """Location of the trials' decoded slices and checkpoints; those of the stage's own interrupted training stay."""
    shared = params.training
    return f"{shared.cache}/tuning-{network}", f"{shared.checkpoints.rstrip('/')}/tuning-{network}"


def _placed(params: Params, place: tuple[str, str], number: int) -> Params:
    slices, checkpoints = place
    training = params.training.model_copy(update={"cache": slices, "checkpoints": f"{checkpoints}/{number}"})
    return params.model_copy(update={"training": training})
