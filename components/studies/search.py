"""Search for better parameters of a training with Optuna; validation patients decide, test patients stay unseen."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import keras
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from components.common.errors import UserError
from components.common.params import Params
from components.train.epoch_validation import MONITORED
from components.train.stage import forget, train


class Range(BaseModel):
    """Numbers from `low` to `high`; with `log` every factor is as likely, whole numbers stay whole."""

    model_config = ConfigDict(extra="forbid")
    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def go_up(self) -> Range:
        """Refuse a range that is empty, or logarithmic down to 0."""
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 with log")
        return self


Choices = Annotated[list[bool | int | float | str | None], Field(min_length=2)]
Space = dict[str, Range | Choices]


def parse_space(tree: Any, name: str) -> Space:
    """Check a search space, knob to range or list; raises UserError."""
    try:
        return TypeAdapter(Space).validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        knob = ".".join(str(part) for part in first["loc"][:1])
        raise UserError(f"{name}: {knob or 'search space'}: give {{low: .., high: ..}} or a list of choices") from error


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Let the trial choose a value of every knob."""
    chosen: dict[str, Any] = {}
    for knob, values in space.items():
        if isinstance(values, list):
            chosen[knob] = trial.suggest_categorical(knob, values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            chosen[knob] = trial.suggest_int(knob, values.low, values.high, log=values.log)
        else:
            chosen[knob] = trial.suggest_float(knob, values.low, values.high, log=values.log)
    return chosen


def changed(params: Params, network: str, values: dict[str, Any]) -> Params:
    """Parameters with other values of some knobs of a network, e.g. {"augment.rotate": 20}; raises UserError."""
    tree = params.model_dump(mode="json")
    for knob, value in values.items():
        *groups, name = knob.split(".")
        place = tree[network]
        for group in groups:
            place = place.get(group, {})
        if name not in place:
            raise UserError(f"search space: {network} has no knob {knob}; params.yaml lists them")
        place[name] = value
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"search space: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def search(
    network: str,
    params: Params,
    space: Space,
    examples: Path,
    storage: Path,
    *,
    trials: int,
) -> pd.DataFrame:
    """Run the study until it holds so many finished trials, going on with what `storage` holds already.

    Args:
        network: "classifier" or "segmenter".
        params: what the space leaves alone.
        space: knobs of the network, and what to try.
        examples: folder that convert wrote.
        storage: Optuna's journal; a trial that was killed in it is begun anew.
        trials: finished ones in all, those pruned early included.

    Returns:
        One row a finished trial, best first: number, state, score, epochs, one column a knob.
    """
    changed(params, network, {knob: values[0] if isinstance(values, list) else values.low
                              for knob, values in space.items()})  # fmt: skip
    storage.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=network,
        storage=JournalStorage(JournalFileBackend(str(storage))),
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=params.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
    )
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        values = suggest(trial, space)
        print(f"trial {trial.number + 1}: " + "  ".join(f"{knob} {value}" for knob, value in values.items()))

        def on_epoch(epoch: int, row: dict[str, float]) -> None:
            trial.report(row[MONITORED[network]], epoch)
            trial.set_user_attr("epochs", epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned

        folder = tempfile.mkdtemp(prefix="glioflow-trial-")
        train_files, val_files = ([str(examples / f"Split-{side}" / "*")] for side in ("train", "val"))
        try:
            train(network, changed(params, network, values), train_files, val_files, folder, on_epoch=on_epoch)
        except UserError as error:
            if "diverged" not in str(error):
                raise
            raise optuna.TrialPruned from error
        finally:
            shutil.rmtree(folder)
        return max(trial.study.trials[trial.number].intermediate_values.values())

    done = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    left = trials - len(study.get_trials(states=done))
    if left > 0:
        study.optimize(objective, n_trials=left)
    forget(network, params)
    rows = [
        {
            "trial": trial.number + 1,
            "state": trial.state.name.lower(),
            "score": max(trial.intermediate_values.values(), default=None),
            "epochs": trial.user_attrs.get("epochs", 0),
            **trial.params,
        }
        for trial in study.get_trials(states=done)
    ]
    return pd.DataFrame(rows).sort_values("score", ascending=False, na_position="last", ignore_index=True)
