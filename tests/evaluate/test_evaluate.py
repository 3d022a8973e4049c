"""Stage evaluate: its masks and scores equal those of a plain loop, whatever the Beam workers."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from layered_models import LOCAL_RUNNER
from scipy import ndimage

from components.common.errors import UserError
from components.common.layout import PATIENTS, PIXELS, SLICES
from components.common.tables import read_splits
from components.evaluate.stage import evaluate
from components.layered.decision import decide
from components.layered.predictor import Predictor
from components.metrics.pixel_calibration import read_pixels
from components.scans.scan_files import image_path, mask_path, read_mask, read_scan

pytest_plugins = ["evaluation_fixtures"]
pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once

# A model whose masks have specks, which the processing removes, and pixels in slices that stage 1 rejects.
SPECKLED = {"cut": 28.0, "processing": {"largest": False, "min_ml": 0.02}, "tumor_threshold": 0.6}
RUNNERS = {
    "two threads": ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_threading"],
    "two in memory": ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=in_memory"],
    "two processes": ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"],
}


@pytest.fixture(scope="module")
def speckled(evaluate_model):
    return evaluate_model(**SPECKLED)


@pytest.fixture
def no_copies_left(tmp_path_factory, monkeypatch):
    """The workers' temporary folder, free of files after the test (some Beam runners leave an empty folder)."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert list(folder.rglob("glioflow-*")) == []
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def patient_scores(folder, gate="on"):
    return pd.read_csv(folder / PATIENTS).query(f"gate == '{gate}'").set_index("patient")


def plain_loop(layered, scan, record):
    """Mask a scan the obvious way: run the serving signature slice by slice, then drop small components."""
    serve = Predictor(layered, "tensorflow").engine.model.signatures["serving_default"]
    mask = np.concatenate([serve(slices=one[None])["mask"].numpy() for one in scan.image]) > 0
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    smallest = record["processing"]["min_ml"] * 1000 / np.prod(scan.spacing)
    for number in range(1, count + 1):
        if (labels == number).sum() < smallest:
            mask[labels == number] = False
    return mask


def test_masks_and_scores_match_a_plain_loop_over_the_serving_signature(speckled, test_set):
    scores, unprocessed = patient_scores(speckled.predictions), patient_scores(speckled.predictions, "unprocessed")
    assert list(scores.index) == test_set.patients
    removed = 0
    for patient in test_set.patients:
        scan = read_scan(test_set.scans, patient)
        mask = plain_loop(speckled.layered, scan, speckled.record)
        assert np.array_equal(read_mask(mask_path(speckled.predictions, patient)), mask)
        both, total = (mask & scan.mask).sum(), mask.sum() + scan.mask.sum()
        assert scores.loc[patient, "volume_dice"] == pytest.approx(2 * both / total)
        assert scores.loc[patient, "predicted_voxels"] == mask.sum()
        assert scores.loc[patient, "volume_error"] == pytest.approx(mask.sum() / scan.mask.sum() - 1)
        empty = ~scan.mask.any(axis=(1, 2))
        assert scores.loc[patient, "false_positive_pixels_per_empty_slice"] == pytest.approx(
            mask[empty].sum() / sum(empty)
        )
        removed += unprocessed.loc[patient, "predicted_voxels"] - mask.sum()
    assert removed > 0  # otherwise the processing is not tested
    assert (patient_scores(speckled.predictions, "off")["predicted_voxels"] > scores["predicted_voxels"]).any()


def test_a_patients_three_rows_are_three_decisions_on_the_same_views(speckled, test_set):
    predict = Predictor(speckled.layered, "tensorflow")
    for patient in test_set.patients[:2]:
        scan = read_scan(test_set.scans, patient)
        views, found = predict(scan)
        again = decide(views, scan.spacing, speckled.record)
        for gate, mask in (("on", again.mask), ("off", again.ungated), ("unprocessed", again.unprocessed)):
            row = patient_scores(speckled.predictions, gate).loc[patient]
            assert row["predicted_voxels"] == mask.sum()
            assert row["doubt"] == pytest.approx(found.doubt)
        slices = pd.read_csv(speckled.predictions / SLICES).query(f"patient == '{patient}'")
        assert slices["slice"].tolist() == list(range(1, len(scan.image) + 1))
        assert slices["has_tumor"].tolist() == scan.mask.any(axis=(1, 2)).astype(int).tolist()
        assert slices["tumor_probability"].to_numpy() == pytest.approx(views.tumor_probability)
        assert slices["doubt"].to_numpy() == pytest.approx(found.slice_doubt)


def test_pixel_counts_cover_all_test_patients(speckled, test_set):
    pixels = read_pixels(speckled.predictions)
    masks = [read_scan(test_set.scans, patient).mask for patient in test_set.patients]
    assert pixels.count.sum() == sum(mask.size for mask in masks)
    assert pixels.positives.sum() == sum(mask.sum() for mask in masks)


def test_only_masks_and_tables_are_written(speckled, test_set):
    masks = {mask_path("", patient).name for patient in test_set.patients}
    assert set(contents(speckled.predictions)) == masks | {PATIENTS, SLICES, PIXELS}


@pytest.mark.parametrize(
    "runner",
    [*list(RUNNERS)[:2], pytest.param("two processes", marks=pytest.mark.nightly)],  # slow: each starts from scratch
)
def test_more_workers_give_the_same_bytes(speckled, test_set, tmp_path, runner):
    evaluate(speckled.layered, test_set.scans, test_set.splits, tmp_path / "out", beam_args=RUNNERS[runner])
    assert contents(tmp_path / "out") == contents(speckled.predictions)


def test_remote_workers_use_a_bucket_and_leave_it_empty(speckled, test_set, tmp_path, bucket, no_copies_left):
    evaluate(
        speckled.layered,
        test_set.scans,
        test_set.splits,
        tmp_path / "out",
        beam_args=["--runner=FnApiRunner"],
        storage="gs://scans/work",
    )
    assert contents(tmp_path / "out") == contents(speckled.predictions)
    assert list(bucket.list_blobs()) == []


def damaged_scans(test_set, folder):
    """Copy the scans, with the image of one test patient truncated."""
    shutil.copytree(test_set.scans, folder / "scans")
    path = image_path(folder / "scans", test_set.patients[3])
    path.write_bytes(path.read_bytes()[:2000])
    return folder / "scans"


@pytest.mark.parametrize("flags", [LOCAL_RUNNER, RUNNERS["two threads"]], ids=["one worker", "two threads"])
def test_a_failing_patient_is_named_and_previous_output_is_kept(speckled, test_set, tmp_path, flags):
    scans, target = damaged_scans(test_set, tmp_path), tmp_path / "out" / "predictions"
    target.mkdir(parents=True)
    (target / "of before").touch()
    with pytest.raises((UserError, RuntimeError), match=rf"{test_set.patients[3]}\.nii\.gz: not readable as a scan"):
        evaluate(speckled.layered, scans, test_set.splits, target, beam_args=flags)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions"]
    assert set(contents(target)) == {"of before"}


def test_a_patient_failing_remotely_leaves_the_bucket_empty(speckled, test_set, tmp_path, bucket, no_copies_left):
    scans = damaged_scans(test_set, tmp_path)
    with pytest.raises((UserError, RuntimeError), match=r"not readable as a scan"):
        evaluate(
            speckled.layered,
            scans,
            test_set.splits,
            tmp_path / "out" / "p",
            beam_args=LOCAL_RUNNER,
            storage="gs://scans/work",
        )
    assert list((tmp_path / "out").iterdir()) == []
    assert list(bucket.list_blobs()) == []


def test_only_test_patients_are_read(speckled, test_set, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for patient in test_set.patients:
        for path in (image_path, mask_path):
            shutil.copy(path(test_set.scans, patient), scans)
    evaluate(speckled.layered, scans, test_set.splits, tmp_path / "out", beam_args=LOCAL_RUNNER)
    assert contents(tmp_path / "out") == contents(speckled.predictions)
    others = set(read_splits(test_set.splits)["patient"]) - set(test_set.patients)
    assert others
    assert not others & set(patient_scores(tmp_path / "out").index)


def test_calibration_softens_probabilities_and_keeps_the_masks(speckled, evaluate_model):
    """Temperatures soften the probabilities; with the thresholds moved to match, the masks stay the same."""
    softer_threshold = 1 / (1 + np.exp(-np.log(0.6 / 0.4) / 2))
    softened = evaluate_model(
        **SPECKLED | {"tumor_threshold": softer_threshold}, tumor_temperature=2.0, mask_temperature=3.0
    )
    for name in contents(speckled.predictions):
        if name.endswith("_mask.nii.gz"):
            assert np.array_equal(read_mask(softened.predictions / name), read_mask(speckled.predictions / name))
    before, after = (pd.read_csv(one.predictions / SLICES)["tumor_probability"] for one in (speckled, softened))
    assert after.max() < before.max()
    assert np.diff(after[before.argsort()]).min() > -1e-6  # the order is kept


def test_pixel_counts_are_written_as_plain_json(speckled):
    text = (speckled.predictions / PIXELS).read_text(encoding="utf-8")
    tree = json.loads(text, parse_constant=pytest.fail)  # fails for NaN and Infinity, which are not JSON
    assert tree.keys() == {"count", "positives", "predicted"}


def test_a_missing_model_is_reported_before_any_work(test_set, tmp_path):
    with pytest.raises(UserError, match="no layered model there"):
        evaluate(tmp_path, test_set.scans, test_set.splits, tmp_path / "out" / "p", beam_args=LOCAL_RUNNER)
    assert list((tmp_path / "out").iterdir()) == []
