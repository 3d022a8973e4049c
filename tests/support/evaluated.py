"""The demo's patients, and what layered models of `layered_models` make of them, as a pytest plugin."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from layered_models import HERE, write_layered

from components.common.files import write_json
from components.common.params.decisions import Evaluate, Gate
from components.common.tables import read_splits
from components.evaluate.stage import evaluate
from components.evaluate.verdict import decide_verdict

# Floors that any model reaches, until a test raises one.
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
def tested(data, tmp_path_factory):
    """The demo's scans with seven of nine patients on the test side: scans, splits, manifest, patients."""
    folder = tmp_path_factory.mktemp("tested")
    table = read_splits(data / "splits.csv").sort_values("patient", ignore_index=True)
    table["split"] = ["train", "val", *["test"] * 7]
    table.to_csv(folder / "splits.csv", index=False)
    names = list(table.loc[table["split"] == "test", "patient"])
    return SimpleNamespace(
        scans=data / "scans", splits=folder / "splits.csv", manifest=data / "manifest.csv", patients=names
    )


@pytest.fixture(scope="session")
def predicted(tested, tmp_path_factory):
    """Write a layered model, see `write_layered`, and evaluate it on `tested`; gives layered, predictions, record.

    What a test asks for a second time is there already.
    """
    made = {}

    def once(**arguments):
        key = repr(sorted(arguments.items()))
        if key not in made:
            made[key] = run(**arguments)
        return made[key]

    def run(**arguments):
        folder = tmp_path_factory.mktemp("predicted")
        record = write_layered(folder / "layered", **arguments)
        evaluate(folder / "layered", tested.scans, tested.splits, folder / "predictions", beam_args=HERE)
        return SimpleNamespace(layered=folder / "layered", predictions=folder / "predictions", record=record)

    return once


@pytest.fixture(scope="session")
def good(predicted):
    """A model that draws tumours well."""
    return predicted()


@pytest.fixture(scope="session")
def judged(tested, tiny_params, tmp_path_factory):
    """Judge what `predicted` gave against a folder with a champion, or an empty one: metrics and verdict."""

    def run(candidate, champion=None, clinical=None, **gate):
        chosen = GATE | {"champion": str(champion or tmp_path_factory.mktemp("champion"))} | gate
        params = tiny_params.model_copy(update={"gate": Gate(**chosen), "evaluate": Evaluate(clinical=clinical)})
        metrics, verdict = decide_verdict(
            params,
            layered=candidate.layered,
            predictions=candidate.predictions,
            scans=tested.scans,
            splits=tested.splits,
            manifest=tested.manifest,
            tfma=TFMA,
            refusals=[],
        )
        write_json(tmp_path_factory.mktemp("judged") / "metrics.json", metrics)  # refuses NaN
        return metrics, verdict

    return run
