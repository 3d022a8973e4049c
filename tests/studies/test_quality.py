"""The cross-validation of docs/results.md on made-up scans: training, testing and scoring."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from scan_writers import write_kaggle
from tiny_training import spotted_scan

from components.common import params

PATIENTS = [f"TCGA_{site}_{number}_20000101" for site in ("CS", "DU") for number in range(5000, 5006)]
RECIPES = """
tiny:
  set:
    segmenter.backbone: null
    segmenter.weights: none
    segmenter.filters: [8, 16]
    segmenter.neighbors: 0
    segmenter.image_size: 32
    segmenter.epochs: 12
    segmenter.learning_rate: 3.0e-3
    segmenter.precision: float32
    segmenter.average: 0
    classifier.backbone: MobileNet
    classifier.weights: none
    classifier.strategy: finetune
    classifier.neighbors: 0
    classifier.image_size: 32
    classifier.epochs: 1
    classifier.precision: float32
"""


@pytest.fixture(scope="module")
def quality():
    """The modules of benchmarks/quality, which import each other by their bare names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.syspath_prepend(str(ROOT / "benchmarks" / "quality"))
        before = set(sys.modules)
        import compare
        import pack
        import score
        import train

        yield {module.__name__: module for module in (compare, pack, score, train)}
        for name in ("compare", "held_out", "pack", "score", "train"):
            if name not in before:
                sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality") / "kaggle_3m"
    for patient in PATIENTS:
        write_kaggle(folder, spotted_scan(patient))
    return folder


def test_slices_with_tumor_are_labelled_as_such(quality, source, tmp_path):
    pack = quality["pack"].packed(source, 32, 1, tmp_path)
    slices = pack.slices()
    assert slices.has_tumor.tolist() == [2 <= number < 7 for number in range(8)] * len(PATIENTS)
    assert np.array_equal(slices.patients, np.repeat(np.arange(len(PATIENTS)), 8))
    assert np.array_equal(slices.masks[:, ..., 0] == 255, slices.masks[..., 0] > 0)
    assert sorted(pack.patients["fold"].unique()) == [0, 1, 2, 3, 4]


def test_scale_laptop_trains_the_segmenter_that_was_measured(quality):
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    laptop = params.parse(tree | {"scale": "laptop"}).segmenter
    recipe = quality["train"].recipe_params("longer")
    same = {
        "weights": laptop.weights,
        "patience": laptop.patience,
    }  # a file instead of a download, and no early stopping
    assert recipe.segmenter.model_copy(update=same) == laptop
    assert laptop.weights == "imagenet"


@pytest.mark.nightly  # ten trainings
def test_every_patient_is_tested_once_by_networks_that_have_not_seen_it(quality, source, tmp_path, monkeypatch):
    file = tmp_path / "recipes.yaml"
    file.write_text(RECIPES)
    monkeypatch.setattr(quality["train"], "RECIPES", file)
    root = tmp_path / "place"
    common = ["--source", str(source), "--place", str(root)]

    def run(module, *arguments):
        result = CliRunner().invoke(quality[module].main, [*common, *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    tested = []
    for fold in range(5):
        for network in ("segmenter", "classifier"):
            run("train", "--recipe", "tiny", "--network", network, "--test", str(fold))
            folder = root / "tiny" / f"{network}-{fold}"
            with np.load(folder / "held_out.npz") as found:
                names, seen = found["patients"].tolist(), found["seen"]
            people = json.loads((folder / "network.json").read_text())["made_from"]["people"]
            fingerprints = {quality["compare"].fingerprint(name) for name in names}
            assert len(people) + len(names) == len(PATIENTS)
            assert not fingerprints & set(people)
            assert len(seen) == 8 * len(names)
            assert (
                pd.read_csv(folder / "history.csv")["loss"] > 0
            ).all()  # labels other than 0 and 1 would make it negative
        tested += names
    assert sorted(tested) == PATIENTS

    compared = run("compare", "--against", "tiny", "--tests", "0,1", "tiny", "--out", str(tmp_path / "out.csv"))
    assert "| `tiny` |" in compared
    rows = pd.read_csv(tmp_path / "out.csv")
    assert rows["volume_dice"].mean() > 0.3
    assert not rows["patient"].isin(PATIENTS).any()

    options = {"source": source, "recipe": "tiny", "other": "tiny", "tests": list("01234"), "place": root}
    options |= {"fixed": False, "smooth": True}
    by_fold = [quality["score"].fold_scored(fold, options) for fold in range(6)]  # `main` does so in separate processes
    scored = [{"fold": fold, **row} for fold, (_, of_fold) in enumerate(by_fold) for row in of_fold]
    assert sorted(row["on"]["patient"] for row in scored) == PATIENTS
    assert by_fold[5][1] == []  # the last one chooses on all folds and scores none
    report = quality["score"].summary(scored, [record for record, _ in by_fold[:5]], by_fold[5][0])
    assert report["segmenter"]["volume_dice_mean"] > 0.3
