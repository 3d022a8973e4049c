"""The summary of the test patients' results, compared with hand calculation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from handmade_run import PATIENT_ROWS, RECORD, SLICES_BY_PATIENT, HandmadeRun

from components.common.predictions import read_patients, read_slices
from components.common.tables import read_manifest
from components.evaluate.clinical import read_clinical
from components.evaluate.described_patients import describe_patients
from components.evaluate.summary import headline
from components.metrics.pixel_calibration import PixelCalibration


@pytest.fixture
def run(tmp_path):
    return HandmadeRun(tmp_path)


@pytest.fixture(scope="module")
def usual_summary(tmp_path_factory):
    return HandmadeRun(tmp_path_factory.mktemp("usual")).write().summary()


def test_gate_on_off_and_unprocessed_are_kept_apart(usual_summary):
    assert usual_summary["layered"]["volume_dice_mean"] == pytest.approx(np.mean([0.9, 0.6, 0.3, 0.0]))
    assert usual_summary["segmenter"]["volume_dice_mean"] == pytest.approx(np.mean([0.8, 0.5, 0.2, 0.4]))
    assert usual_summary["layered"]["unprocessed_volume_dice_mean"] == pytest.approx(np.mean([0.7, 0.4, 0.1, 0.0]))
    assert (usual_summary["layered"]["patients"], usual_summary["layered"]["tumor_patients"]) == (5, 4)
    assert (usual_summary["layered"]["missed_patients"], usual_summary["segmenter"]["missed_patients"]) == (1, 0)
    assert usual_summary["layered"]["processing"] == RECORD["processing"]
    assert usual_summary["layered"]["volume_dice_floor"] == 0
    low, high = (usual_summary["layered"][f"volume_dice_mean_{end}95"] for end in ("low", "high"))
    assert 0 <= low < usual_summary["layered"]["volume_dice_mean"] < high <= 0.9


def test_the_classifier_is_scored_at_the_models_own_threshold(usual_summary):
    found = usual_summary["classifier"]
    assert found["threshold"] == 0.6
    assert found["sensitivity"] == 3 / 4  # 0.6 itself counts as tumour
    assert found["specificity"] == 5 / 6
    pairs = [(p > n) for p in (0.9, 0.7, 0.6, 0.3) for n in (0.2, 0.1, 0.65, 0.05, 0.15, 0.55)]
    assert found["auroc"] == pytest.approx(np.mean(pairs))
    assert found["auroc_low95"] <= found["auroc"] <= found["auroc_high95"]
    assert found["patients_missed"] == 1  # p4
    assert found["slices"] == 10


def test_patient_names_are_always_read_as_text(run):
    run.write()
    assert list(read_patients(run.predictions)["patient"]) == ["007", "NA", "p3", "p4", "p5"]
    assert set(read_slices(run.predictions)["patient"]) == set(PATIENT_ROWS)


def test_a_patients_missing_sequences_are_named(run):
    described = describe_patients(run.write().manifest).set_index("patient")
    assert described["missing_sequence"].to_dict() == {name: row[1] for name, row in PATIENT_ROWS.items()}
    assert described["site"].to_dict() == {name: row[0] for name, row in PATIENT_ROWS.items()}


def test_cohort_scores_match_hand_calculation(usual_summary):
    found = usual_summary["cohorts"]
    assert found["site=DU"]["volume_dice_mean"] == pytest.approx(0.6)
    assert (found["site=DU"]["patients"], found["site=DU"]["few"]) == (3, False)
    assert found["site=CS"]["tumor_patients"] == 1
    assert found["site=CS"]["volume_dice_mean"] == 0  # p5 has no tumour, so no Dice
    assert (found["site=CS"]["patients"], found["site=CS"]["few"]) == (2, True)
    assert found["missing_sequence=none"]["volume_dice_mean"] == pytest.approx(0.9)
    assert found["missing_sequence=pre+post"]["volume_dice_mean"] == 0
    assert found["tumor_size=large, above 30 ml"]["volume_dice_mean"] == pytest.approx(0.15)
    assert found["tumor_size=no tumour"] == {
        "patients": 1,
        "tumor_patients": 0,
        "persons": 1,
        "tumor_persons": 0,
        "few": True,
        "volume_dice_mean": None,
        "volume_dice_mean_low95": None,
        "volume_dice_mean_high95": None,
    }


def test_a_clinical_table_adds_cohorts(run, usual_summary, tmp_path):
    (tmp_path / "clinical.csv").write_text("Patient,grade,sex\n007,2,F\nNA,3,F\np3,3,\np4,2,M\nstranger,4,M\n")
    run.write()
    clinical = read_clinical(tmp_path / "clinical.csv", list(PATIENT_ROWS))
    found = run.summary(clinical)["cohorts"]
    assert found["grade=2"]["volume_dice_mean"] == pytest.approx(0.45)
    assert found["grade=3"]["volume_dice_mean"] == pytest.approx(0.45)
    assert found["sex=F"]["volume_dice_mean"] == pytest.approx(0.75)
    assert found["sex=unknown"]["patients"] == 2  # p3 has no value, p5 no row
    assert found["grade=unknown"]["volume_dice_mean"] is None
    assert "grade=4" not in found
    assert set(usual_summary["cohorts"]) == {name for name in found if not name.startswith(("grade", "sex"))}


def test_the_refer_list_is_scored_by_the_bad_masks_it_catches(usual_summary):
    found = usual_summary["doubt"]
    assert found["refer_patients"] == 3  # p4, p5 and NA, unnamed because the metrics are kept in Git
    assert not set(PATIENT_ROWS) & set(json.dumps(usual_summary).split('"'))
    assert found["bad_below_volume_dice"] == 0.7
    # Of the four with a tumour, three have a bad mask; the list holds two of them.
    assert (found["patients"], found["referred"], found["errors"], found["caught"]) == (4, 2, 3, 2)
    assert found["share"] == pytest.approx(2 / 3)
    assert found["aurc_oracle"] < found["aurc"] < found["aurc_random"]


def test_calibration_compares_predicted_with_observed(usual_summary):
    found = usual_summary["calibration"]
    assert (found["tumor_temperature"], found["mask_temperature"]) == (1.4, 2.1)
    assert found["slice_confidence_mean"] == pytest.approx(
        np.mean([0.9, 0.8, 0.7, 0.9, 0.6, 0.65, 0.7, 0.95, 0.85, 0.55])
    )
    assert found["slice_accuracy_at_half"] == pytest.approx(7 / 10)
    assert found["mask_pixels_predicted_from_1_percent"] == pytest.approx(0.8)
    assert found["mask_pixels_observed_from_1_percent"] == pytest.approx(0.5)
    assert found["mask_pixel_ece_from_1_percent"] == pytest.approx(0.3)
    assert found["mask_pixel_ece_floor"] == pytest.approx(0.01)
    assert found["mask_pixel_ece"] < found["mask_pixel_ece_floor"]


@pytest.mark.parametrize(
    ("label", "exists", "lacks"), [(1, "sensitivity", "specificity"), (0, "specificity", "sensitivity")]
)
def test_a_one_class_test_split_has_no_auroc_and_invents_no_number(run, label, exists, lacks):
    slices = {name: [(label, p) for _, p in several] for name, several in SLICES_BY_PATIENT.items()}
    found = run.write(slices=slices).summary()["classifier"]
    for name in ("auroc", "auroc_low95", "auroc_high95", "pr_auc", "sensitivity_at_95_specificity", lacks):
        assert found[name] is None, name
    assert found[exists] is not None


def test_without_any_tumour_no_scores_are_invented(run):
    healthy = {name: (site, missing, 0.0, None, None, None, d) for name, (site, missing, *_, d) in PATIENT_ROWS.items()}
    slices = {name: [(0, p) for _, p in several] for name, several in SLICES_BY_PATIENT.items()}
    found = run.write(healthy, slices, PixelCalibration.of(np.full(100, 0.001), np.zeros(100, bool))).summary()
    for name in ("volume_dice_mean", "volume_dice_mean_low95", "unprocessed_volume_dice_mean"):
        assert found["layered"][name] is None, name
    assert found["layered"]["tumor_patients"] == found["layered"]["missed_patients"] == 0
    assert found["doubt"]["refer_patients"] == 3
    assert [found["doubt"][name] for name in ("patients", "share", "aurc", "gain")] == [0, None, None, None]
    assert found["calibration"]["mask_pixels_predicted_from_1_percent"] is None
    assert found["calibration"]["mask_pixel_ece_from_1_percent"] is None


def test_one_patient_gets_scores_but_no_interval(run):
    one = {name: rows for name, rows in PATIENT_ROWS.items() if name == "007"}
    found = run.write(one, {"007": SLICES_BY_PATIENT["007"]}).summary()
    assert found["layered"]["volume_dice_mean"] == 0.9
    assert found["layered"]["volume_dice_mean_low95"] is None
    assert "too few patients" in found["layered"]["volume_dice_note"]
    assert found["classifier"]["auroc"] == 1
    assert found["classifier"]["auroc_low95"] is None


def test_one_synthetic_patient_makes_the_data_synthetic(run, usual_summary):
    run.write()
    run.manifest.loc[run.manifest["patient"] == "p4", "synthetic"] = 1
    assert (usual_summary["data"], run.summary()["data"]) == ("scans", "synthetic")


def test_the_same_seed_gives_the_same_numbers(run, usual_summary):
    assert json.dumps(run.write().summary()) == json.dumps(usual_summary)


def test_a_manifest_from_ingest_is_described(data):
    described = describe_patients(read_manifest(data / "manifest.csv")).set_index("patient")
    assert described["synthetic"].all()
    assert described.loc["DEMO_AA_1003_20200101", "missing_sequence"] == "pre"
    assert described.loc["DEMO_CC_1005_20200101", "missing_sequence"] == "post"
    assert (described.drop(["DEMO_AA_1003_20200101", "DEMO_CC_1005_20200101"])["missing_sequence"] == "none").all()


def renamed(names):
    """The usual patients and their slices under other names, in the same order."""
    new = dict(zip(PATIENT_ROWS, names, strict=True))
    return ({new[old]: value for old, value in table.items()} for table in (PATIENT_ROWS, SLICES_BY_PATIENT))


def test_examinations_of_one_person_are_one_unit(run, usual_summary):
    """Two persons; the site DU has three examinations of one of them, which is too few for the gate."""
    rows, slices = renamed([f"A_2020010{i}" for i in (1, 2, 3)] + [f"B_2020010{i}" for i in (1, 2)])
    found = run.write(rows, slices).summary()
    layered, site = found["layered"], found["cohorts"]["site=DU"]
    assert [layered[name] for name in ("patients", "persons", "tumor_patients", "tumor_persons")] == [5, 2, 4, 2]
    assert layered["volume_dice_mean"] == usual_summary["layered"]["volume_dice_mean"]
    assert "only 2 persons (4 examinations)" in layered["volume_dice_note"]
    assert [site[name] for name in ("patients", "persons", "tumor_patients", "tumor_persons")] == [3, 1, 3, 1]
    assert (site["few"], site["volume_dice_mean_low95"]) == (True, None)
    assert site["volume_dice_mean"] == usual_summary["cohorts"]["site=DU"]["volume_dice_mean"]
    assert found["classifier"]["auroc"] == usual_summary["classifier"]["auroc"]
    assert found["classifier"]["auroc_low95"] != usual_summary["classifier"]["auroc_low95"]
    assert headline(found | {"verdict": "BLESSED"})["layered"]["persons"] == 2


def test_names_that_tell_persons_change_nothing_with_one_examination_each(run, usual_summary):
    rows, slices = renamed([f"A{i}_20200101" for i in range(5)])
    found = run.write(rows, slices).summary()
    assert json.dumps(found) == json.dumps(usual_summary)
    assert "persons" not in headline(found | {"verdict": "BLESSED"})["layered"]
