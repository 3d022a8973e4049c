"""Cross-validation, for real: every patient is tested once, and nothing of the workspace is lost."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import yaml
from whole_project import command, copied, tiny


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with tiny parameters, up to the split of its own."""
    folder = copied(tmp_path_factory.mktemp("crossval"))
    knobs = dict(pair.split("=", 1) for pair in tiny()[1::2])
    tree = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for knob, value in knobs.items():
        *groups, name = knob.removesuffix(".demo").split(".")
        place = tree
        for group in groups:
            place = place[group]
        place[name] = yaml.safe_load(value)
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    result = command("dvc", "repro", "split", cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def printed(project):
    """What the first cross-validation has printed."""
    kept = {name: (project / name).read_bytes() for name in ("params.yaml", "dvc.lock", "data/splits.csv")}
    result = command("glioflow", "crossval", "--folds", "2", cwd=project)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {name: (project / name).read_bytes() for name in kept} == kept
    return result.stdout


def test_every_patient_is_tested_once(project, printed):
    patients = pd.read_csv(project / "reports" / "crossval.csv")
    everyone = pd.read_csv(project / "data" / "splits.csv")["patient"]
    assert sorted(patients["patient"]) == sorted(everyone)
    assert set(patients["fold"]) == {0, 1}
    result = json.loads((project / "reports" / "crossval.json").read_text(encoding="utf-8"))
    assert result["layered"]["patients"] == len(everyone)
    assert result["layered"]["volume_dice_mean"] == pytest.approx(patients["volume_dice"].mean())
    assert "each tested once" in printed


def test_folds_that_are_done_are_not_trained_again(project, printed):
    again = command("glioflow", "crossval", "--folds", "2", cwd=project)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "TFX: Train" not in again.stdout
    assert printed.splitlines()[-8:] == again.stdout.splitlines()[-8:]


def test_a_split_of_ones_own_has_no_folds(project, printed):
    before = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(before.replace("holdout_sites: []", "holdout_sites: [AA]"), encoding="utf-8")
    refused = command("glioflow", "crossval", cwd=project)
    (project / "params.yaml").write_text(before, encoding="utf-8")
    assert refused.returncode == 2
    assert "holdout_sites" in refused.stderr
