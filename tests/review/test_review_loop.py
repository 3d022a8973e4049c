"""The loop: wrong predictions are corrected, adopted and trained on; all other patients keep their splits."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from conftest import ingest_into
from PIL import Image
from review_client import Client, reviewing, write_predictions, write_source
from whole_project import run_command, tiny_switches

from components.adopt.adoption import adopt
from components.common.errors import UserError
from components.common.tables import read_splits
from components.evaluate.described_patients import reviews
from components.registry.names import SUMMARY
from components.review.opening import Task, open_review
from components.split.rule import SplitRule
from components.split.stage import split

OLD_PATIENTS = [f"P{number}" for number in range(9)]
RULE = SplitRule(0.2, 0.25, 3, 1)


def ingest_and_split(folder, source):
    """Ingest and split; returns the manifest and the split of each patient."""
    manifest = ingest_into(folder, source, policy={"mask_values": "warn"})
    split(folder / "manifest.csv", folder / "splits.csv", folder / "ledger.csv", RULE, look_alikes="warn")
    return manifest, read_splits(folder / "splits.csv").set_index("patient")["split"].to_dict()


def correct_masks(client, wrong):
    """Correct the masks of these patients: to the reference without its first voxel."""
    for number, row in enumerate(client.session.rows):
        if row.patient in wrong:
            mask = client.session.open(number).reference.copy()
            mask[tuple(np.argwhere(mask)[0])] = False
            done = client.decide("corrected", number, mask)
            assert done.status_code == 200, done.text


def test_corrections_enter_the_next_data_and_nobody_changes_splits(tmp_path):
    source = write_source(tmp_path / "source", "kaggle", OLD_PATIENTS)
    manifest, before = ingest_and_split(tmp_path, source)
    write_predictions(tmp_path / "found", write_source(tmp_path / "scans", "kaggle", [*OLD_PATIENTS, "NEW1", "NEW2"]))
    training_patients = [patient for patient in OLD_PATIENTS if before[patient] == "train"]
    with reviewing(tmp_path) as client:
        for number, row in enumerate(client.session.rows):
            if row.patient in (training_patients[0], "NEW1"):
                mask = np.roll(client.session.open(number).start, 3, axis=0)
                assert client.decide("corrected", number, mask).status_code == 200
            elif row.patient in (training_patients[1], "NEW2"):
                client.decide("accepted", number)
    done = adopt(tmp_path / "reviewed", source, splits=before)
    after_manifest, after = ingest_and_split(tmp_path, source)
    assert {patient: after[patient] for patient in OLD_PATIENTS} == before
    assert after["NEW1"] == after["NEW2"] == "train"
    pixels = [table.groupby("patient")["tumor_pixels"].sum() for table in (manifest, after_manifest)]
    changed = {patient for patient in OLD_PATIENTS if pixels[0][patient] != pixels[1][patient]}
    assert changed == set(training_patients[:2])
    assert reviews(after_manifest) == [
        {"review": done.name, "reviewer": "Dr. Gold", "accepted": 2, "corrected": 2, "train_only": 2}
    ]
    assert reviews(manifest) == []


@pytest.mark.parametrize("folds", [None, 0])
def test_patients_with_model_outlines_are_never_tested_on(tmp_path, folds):
    """Neither in a single split nor in any fold of a cross-validation."""
    manifest = ingest_into(
        tmp_path, write_source(tmp_path / "source", "kaggle", OLD_PATIENTS), policy={"mask_values": "warn"}
    )
    outlined = [f"P{number}" for number in range(6)]
    manifest["train_only"] = manifest["patient"].isin(outlined).astype(int)
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    for fold in range(3):
        rule = SplitRule(0.2, 0.25, 3, 1, fold=None if folds is None else fold)
        paths = (tmp_path / "manifest.csv", tmp_path / "splits.csv", tmp_path / f"ledger-{fold}.csv")
        table = split(*paths, rule, look_alikes="warn").set_index("patient")
        assert set(table.loc[outlined, "split"]) == {"train"}


def test_a_test_patient_of_the_ledger_with_a_model_outline_is_refused(tmp_path):
    source = write_source(tmp_path / "source", "kaggle", OLD_PATIENTS)
    manifest, before = ingest_and_split(tmp_path, source)
    tested_patient = next(patient for patient in OLD_PATIENTS if before[patient] == "test")
    manifest["train_only"] = (manifest["patient"] == tested_patient).astype(int)
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match=f"a reference of {tested_patient} began as a model's outline"):
        split(tmp_path / "manifest.csv", tmp_path / "splits.csv", tmp_path / "ledger.csv", RULE, look_alikes="warn")


def command_output(*arguments, cwd):
    result = run_command("glioflow", *map(str, arguments), cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.nightly  # trains twice
def test_a_new_version_names_the_review_that_it_learned_from(project_copy, monkeypatch):
    source = project_copy / "scans"
    shutil.copytree(project_copy / "data" / "demo", source)
    command_output("run", *tiny_switches(), "--source", "scans", cwd=project_copy)
    before = read_splits(project_copy / "data" / "splits.csv").set_index("patient")["split"].to_dict()
    command_output("predict", "scans", "--model", "artifacts/layered", "--doubt", "--out", "found", cwd=project_copy)
    wrong = sorted(patient for patient, split_name in before.items() if split_name == "train")[:2]
    for patient in wrong:  # a blot where there is no tumour
        for path in sorted((project_copy / "found" / "masks" / patient).iterdir()):
            pixels = np.array(Image.open(path))
            pixels[:9, :9] = 255
            Image.fromarray(pixels).save(path)
    task = Task(project_copy / "found", str(source), project_copy / "reviewed", "Dr. Gold", references=False)
    with open_review(task) as session:
        correct_masks(Client(session), wrong)
    assert "review " in command_output("adopt", "reviewed", "--into", "scans", cwd=project_copy)
    command_output("run", cwd=project_copy)
    assert read_splits(project_copy / "data" / "splits.csv").set_index("patient")["split"].to_dict() == before
    details = json.loads((project_copy / "reports" / "details.json").read_text())
    (review,) = details["reviews"]
    assert (review["reviewer"], review["corrected"]) == ("Dr. Gold", 2)
    assert f"Review {review['review']} by Dr. Gold" in (project_copy / "reports" / "model_card.md").read_text()
    newest = json.loads(command_output("models", "--json", cwd=project_copy))[0]
    shown = subprocess.run(
        ["git", "show", f"{newest['commit']}:{SUMMARY}"], cwd=project_copy, capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout)["reviews"] == [review]
