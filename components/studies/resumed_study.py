"""The study behind a search: one per state of everything that scores depend on; interrupted trials run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from components.common.params import Params
from components.studies.space import Space
from components.train import cache, settings
from components.train.provenance import code_hash, json_hash
from components.train.starting_network import read_start

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
FIRST = "first"  # user attribute of a trial that resumes another: number of the first


def open_study(network: str, params: Params, space: Space, files: list[list[str]], storage: Path) -> optuna.Study:
    """Open or create the study; its interrupted trials run next."""
    storage.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = JournalStorage(JournalFileBackend(str(storage)))
    name = f"{network}-{json_hash(_made_from(network, params, space, files))[:12]}"
    before = optuna.get_all_study_names(journal)
    if before and name not in before:
        print("search: starting anew, because the space, the parameters, the data or the code have changed")
    study = optuna.create_study(
        study_name=name,
        storage=journal,
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
    )
    # Each session draws other values than the earlier ones, which would otherwise be tried again.
    study.sampler = optuna.samplers.TPESampler(seed=params.seed + len(study.trials))
    _resume(study)
    return study


def _made_from(network: str, params: Params, space: Space, files: list[list[str]]) -> list[Any]:
    """Everything that scores depend on, except the values that the space sets, which the user may update meanwhile."""
    fixed = getattr(params, network).model_dump(mode="json")
    for parameter in space:
        *groups, name = parameter.split(".")
        place = fixed
        for group in groups:
            place = place[group]
        del place[name]
    tried = {
        parameter: values if isinstance(values, list) else values.model_dump() for parameter, values in space.items()
    }
    data = [cache.data_hash(cache.example_files(patterns)) for patterns in files]
    start = read_start(params, network)
    weights = start.digest if start else settings.weights_hash(params, network)
    return [code_hash(), params.seed, params.training.deterministic, fixed, tried, data, weights]


def _resume(study: optuna.Study) -> None:
    """Re-enqueue trials stopped by a signal or an error; the same values and location lead to the same checkpoints."""
    attempts: dict[int, list[optuna.trial.FrozenTrial]] = {}
    for trial in study.get_trials():
        attempts.setdefault(trial.user_attrs.get(FIRST, trial.number), []).append(trial)
    for first, trials in attempts.items():
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                study.tell(trial.number, state=TrialState.FAIL)
        values = trials[-1].params
        if values and not {trial.state for trial in trials} & {*DONE, TrialState.WAITING}:
            study.enqueue_trial(values, user_attrs={FIRST: first})
