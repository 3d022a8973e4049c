"""A pytest plugin: fixtures that evaluate models of `layered_models` on the demo's patients."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from layered_models import LOCAL_RUNNER, write_layered

from components.common.files import write_json
from components.common.params.decisions import Evaluate, Gate
from components.common.tables import read_splits
from components.evaluate.stage import evaluate
from components.evaluate.verdict import decide_verdict

# Floors that any model reaches, unless a test raises one.
GATE = {
    "min_auroc": 0,
    "min_sensitivity": 0,
    "min_specificity": 0,
    "min_volume_dice": 0,
    "min_pooled_dice": 0,
    "min_cohort_volume_dice": 0,
    "cohort_patients": 3,
    "margin": 0.02,
}
TFMA = {"classifier": {"overall": {"auroc": 0.9}}, "segmenter": {"overall": {"pooled_dice": 0.8}}}


@pytest.fixture(scope="session")
def test_set(data, tmp_path_factory):
    """The demo's data with seven of nine patients in the test split: scans, splits, manifest, patients."""
    folder = tmp_path_factory.mktemp("tested")
    table = read_splits(data / "splits.csv").sort_values("patient", ignore_index=True)
    table["split"] = ["train", "val", *["test"] * 7]
    table.to_csv(folder / "splits.csv", index=False)
    names = list(table.loc[table["split"] == "test", "patient"])
    return SimpleNamespace(
        scans=data / "scans", splits=folder / "splits.csv", manifest=data / "manifest.csv", patients=names
    )


@pytest.fixture(scope="session")
def evaluate_model(test_set, tmp_path_factory):
    """A function that writes a layered model (see `write_layered`) and evaluates it on `test_set`.

    It returns layered, predictions and record. Calls with equal arguments share one result.
    """
    results = {}

    def run_once(**arguments):
        key = repr(sorted(arguments.items()))
        if key not in results:
            results[key] = run(**arguments)
        return results[key]

    def run(**arguments):
        folder = tmp_path_factory.mktemp("predicted")
        record = write_layered(folder / "layered", **arguments)
        evaluate(folder / "layered", test_set.scans, test_set.splits, folder / "predictions", beam_args=LOCAL_RUNNER)
        return SimpleNamespace(layered=folder / "layered", predictions=folder / "predictions", record=record)

    return run_once


@pytest.fixture(scope="session")
def good_model(evaluate_model):
    """A model that segments tumours well, with its predictions."""
    return evaluate_model()


@pytest.fixture(scope="session")
def judge_model(test_set, tiny_params, tmp_path_factory):
    """A function that judges a result of `evaluate_model`, against a champion if given; returns metrics and verdict."""

    def run(candidate, champion=None, clinical=None, **gate):
        chosen = GATE | {"champion": str(champion or tmp_path_factory.mktemp("champion"))} | gate
        params = tiny_params.model_copy(update={"gate": Gate(**chosen), "evaluate": Evaluate(clinical=clinical)})
        metrics, verdict = decide_verdict(
            params,
            layered=candidate.layered,
            predictions=candidate.predictions,
            scans=test_set.scans,
            splits=test_set.splits,
            manifest=test_set.manifest,
            tfma=TFMA,
            refusals=[],
        )
        write_json(tmp_path_factory.mktemp("judged") / "metrics.json", metrics)  # refuses NaN
        return metrics, verdict

    return run
