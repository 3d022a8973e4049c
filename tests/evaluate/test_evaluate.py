from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from layered_models import HERE
from scipy import ndimage

from components.common.errors import UserError
from components.common.layout import PATIENTS, PIXELS, SLICES
from components.common.tables import read_splits
from components.evaluate.stage import evaluate
from components.layered.decision import decide
from components.layered.predictor import Predictor
from components.metrics.pixel_calibration import read_pixels
from components.scans.scan_files import image_path, mask_path, read_mask, read_scan

pytest_plugins = ["evaluated"]
pytestmark = pytest.mark.xdist_group("evaluated")  # models and predictions are made once

# Its masks have specks, which the processing removes, and pixels in slices that stage 1 stops.
CARELESS = {"cut": 28.0, "processing": {"largest": False, "min_ml": 0.02}, "tumor_threshold": 0.6}
WAYS = {
    "two threads": ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_threading"],
    "two in memory": ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=in_memory"],
    "two processes": ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"],
}


@pytest.fixture(scope="module")
def careless(predicted):
    return predicted(**CARELESS)


@pytest.fixture
def copies(tmp_path_factory, monkeypatch):
    """Where workers make copies; none may stay (some of Beam's runners leave an empty folder of their own)."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert list(folder.rglob("glioflow-*")) == []
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def table(folder, gate="on"):
    return pd.read_csv(folder / PATIENTS).query(f"gate == '{gate}'").set_index("patient")


def plain_loop(layered, scan, record):
    """The mask of a scan as anybody would take it from the serving signature: slice by slice, then components."""
    serve = Predictor(layered).model.signatures["serving_default"]
    mask = np.concatenate([serve(slices=one[None])["mask"].numpy() for one in scan.image]) > 0
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    smallest = record["processing"]["min_ml"] * 1000 / np.prod(scan.spacing)
    for number in range(1, count + 1):
        if (labels == number).sum() < smallest:
            mask[labels == number] = False
    return mask


def test_masks_and_scores_are_those_of_the_serving_signature_in_a_plain_loop(careless, tested):
    scores, unprocessed = table(careless.predictions), table(careless.predictions, "unprocessed")
    assert list(scores.index) == tested.patients
    removed = 0
    for patient in tested.patients:
        scan = read_scan(tested.scans, patient)
        mask = plain_loop(careless.layered, scan, careless.record)
        assert np.array_equal(read_mask(mask_path(careless.predictions, patient)), mask)
        both, total = (mask & scan.mask).sum(), mask.sum() + scan.mask.sum()
        assert scores.loc[patient, "volume_dice"] == pytest.approx(2 * both / total)
        assert scores.loc[patient, "predicted_voxels"] == mask.sum()
        assert scores.loc[patient, "volume_error"] == pytest.approx(mask.sum() / scan.mask.sum() - 1)
        empty = ~scan.mask.any(axis=(1, 2))
        assert scores.loc[patient, "false_positive_pixels_per_empty_slice"] == pytest.approx(
            mask[empty].sum() / sum(empty)
        )
        removed += unprocessed.loc[patient, "predicted_voxels"] - mask.sum()
    assert removed > 0  # else the processing would not have been tested
    assert (table(careless.predictions, "off")["predicted_voxels"] > scores["predicted_voxels"]).any()


def test_the_three_rows_of_a_patient_are_three_decisions_on_the_same_views(careless, tested):
    predict = Predictor(careless.layered)
    for patient in tested.patients[:2]:
        scan = read_scan(tested.scans, patient)
        seen, found = predict(scan)
        again = decide(seen, scan.spacing, careless.record)
        for gate, mask in (("on", again.mask), ("off", again.ungated), ("unprocessed", again.unprocessed)):
            row = table(careless.predictions, gate).loc[patient]
            assert row["predicted_voxels"] == mask.sum()
            assert row["doubt"] == pytest.approx(found.doubt)
        slices = pd.read_csv(careless.predictions / SLICES).query(f"patient == '{patient}'")
        assert slices["slice"].tolist() == list(range(1, len(scan.image) + 1))
        assert slices["has_tumor"].tolist() == scan.mask.any(axis=(1, 2)).astype(int).tolist()
        assert slices["tumor_probability"].to_numpy() == pytest.approx(seen.tumor_probability)
        assert slices["doubt"].to_numpy() == pytest.approx(found.slice_doubt)


def test_pixels_are_those_of_all_test_patients(careless, tested):
    pixels = read_pixels(careless.predictions)
    masks = [read_scan(tested.scans, patient).mask for patient in tested.patients]
    assert pixels.count.sum() == sum(mask.size for mask in masks)
    assert pixels.positives.sum() == sum(mask.sum() for mask in masks)


def test_nothing_but_masks_and_tables_is_left(careless, tested):
    masks = {mask_path("", patient).name for patient in tested.patients}
    assert set(contents(careless.predictions)) == masks | {PATIENTS, SLICES, PIXELS}


@pytest.mark.parametrize(
    "way",
    [*list(WAYS)[:2], pytest.param("two processes", marks=pytest.mark.nightly)],  # which start from nothing
)
def test_more_workers_give_the_same_bytes(careless, tested, tmp_path, way):
    evaluate(careless.layered, tested.scans, tested.splits, tmp_path / "out", beam_args=WAYS[way])
    assert contents(tmp_path / "out") == contents(careless.predictions)


def test_workers_elsewhere_work_through_a_bucket_and_leave_nothing(careless, tested, tmp_path, bucket, copies):
    evaluate(
        careless.layered,
        tested.scans,
        tested.splits,
        tmp_path / "out",
        beam_args=["--runner=FnApiRunner"],
        storage="gs://scans/work",
    )
    assert contents(tmp_path / "out") == contents(careless.predictions)
    assert list(bucket.list_blobs()) == []


def harmed(tested, folder):
    """A copy of the scans in which one test patient's are cut off."""
    shutil.copytree(tested.scans, folder / "scans")
    path = image_path(folder / "scans", tested.patients[3])
    path.write_bytes(path.read_bytes()[:2000])
    return folder / "scans"


@pytest.mark.parametrize("flags", [HERE, WAYS["two threads"]], ids=["one worker", "two threads"])
def test_a_patient_that_fails_is_named_and_leaves_what_was_there(careless, tested, tmp_path, flags):
    scans, target = harmed(tested, tmp_path), tmp_path / "out" / "predictions"
    target.mkdir(parents=True)
    (target / "of before").touch()
    with pytest.raises((UserError, RuntimeError), match=rf"{tested.patients[3]}\.nii\.gz: not readable as a scan"):
        evaluate(careless.layered, scans, tested.splits, target, beam_args=flags)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions"]
    assert set(contents(target)) == {"of before"}


def test_a_patient_that_fails_elsewhere_leaves_nothing_in_the_bucket(careless, tested, tmp_path, bucket, copies):
    scans = harmed(tested, tmp_path)
    with pytest.raises((UserError, RuntimeError), match=r"not readable as a scan"):
        evaluate(
            careless.layered, scans, tested.splits, tmp_path / "out" / "p", beam_args=HERE, storage="gs://scans/work"
        )
    assert list((tmp_path / "out").iterdir()) == []
    assert list(bucket.list_blobs()) == []


def test_only_test_patients_are_looked_at(careless, tested, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for patient in tested.patients:
        for path in (image_path, mask_path):
            shutil.copy(path(tested.scans, patient), scans)
    evaluate(careless.layered, scans, tested.splits, tmp_path / "out", beam_args=HERE)
    assert contents(tmp_path / "out") == contents(careless.predictions)
    others = set(read_splits(tested.splits)["patient"]) - set(tested.patients)
    assert others
    assert not others & set(table(tmp_path / "out").index)


def test_calibration_changes_what_is_said_and_moves_the_thresholds_with_it(careless, predicted):
    """A temperature softens the probabilities; thresholds moved along give the same masks."""
    softer = 1 / (1 + np.exp(-np.log(0.6 / 0.4) / 2))
    cooled = predicted(**CARELESS | {"tumor_threshold": softer}, tumor_temperature=2.0, mask_temperature=3.0)
    for name in contents(careless.predictions):
        if name.endswith("_mask.nii.gz"):
            assert np.array_equal(read_mask(cooled.predictions / name), read_mask(careless.predictions / name))
    before, after = (pd.read_csv(one.predictions / SLICES)["tumor_probability"] for one in (careless, cooled))
    assert after.max() < before.max()
    assert np.diff(after[before.argsort()]).min() > -1e-6  # the order stays


def test_records_are_numbers_that_json_knows(careless):
    assert json.loads((careless.predictions / PIXELS).read_text(encoding="utf-8")).keys() == {
        "count",
        "positives",
        "predicted",
    }


def test_a_model_that_is_not_there_is_named_before_any_work(tested, tmp_path):
    with pytest.raises(UserError, match="no layered model there"):
        evaluate(tmp_path, tested.scans, tested.splits, tmp_path / "out" / "p", beam_args=HERE)
    assert list((tmp_path / "out").iterdir()) == []
