from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from layered_models import NETWORKS, write_trained
from scipy.special import expit, logit

from components.assemble.choices import MASK_THRESHOLDS, ROUNDING, middle_of_best, smoothing
from components.assemble.stage import assemble
from components.common.errors import UserError
from components.common.layout import ENGINES, LAYERED, SERVING
from components.common.tables import read_splits
from components.layered.litert_files import ENTRY, read_litert
from components.layered.predictor import Predictor
from components.metrics.components3d import keep_components
from components.metrics.mask_scores import dice
from components.scans.identity import fingerprint, subject_of
from components.scans.scan_files import image_path, mask_path, read_scan, write_mask
from models.networks.network_files import load_network
from models.serving.layered_model import Layered
from models.serving.litert_export import litert

PARAMETERS = {"sensitivity": 0.7, "refer": 0.25}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    """Both networks, and the scans of the four validation patients alone: no other patient can have a say."""
    folder = tmp_path_factory.mktemp("trained")
    table = read_splits(data / "splits.csv").sort_values("patient", ignore_index=True)
    # The first by name after the three of the test is the one without pre-contrast, in whom the networks are blind.
    order = table["patient"].str.contains("_1003_").map({True: "val", False: None})
    order[order.isna()] = ["test", "test", "test", "train", "train", "val", "val", "val"]
    table["split"] = order
    table.to_csv(folder / "splits.csv", index=False)
    (folder / "scans").mkdir()
    for patient in table.loc[table["split"] == "val", "patient"]:
        for path in (image_path, mask_path):
            shutil.copy(path(data / "scans", patient), folder / "scans")
    write_trained(folder, table.loc[table["split"] != "test", "patient"])
    return folder


def run(trained, layered):
    names = (*NETWORKS, "scans", "splits.csv")
    return assemble(*(trained / name for name in names), layered, **PARAMETERS)


@pytest.fixture(scope="module")
def layered(trained):
    run(trained, trained / "layered")
    return trained / "layered"


@pytest.fixture(scope="module")
def record(layered):
    return json.loads((layered / SERVING / LAYERED).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def scans(trained):
    return [
        read_scan(trained / "scans", name)
        for name in read_splits(trained / "splits.csv").query("split == 'val'").patient
    ]


@pytest.fixture(scope="module")
def raw(trained, scans):
    """What the networks say of each scan, by their own hand: tumour probability and maps."""
    classifier, segmenter = (load_network(trained / name) for name in NETWORKS)
    return [
        (
            classifier(scan.image.astype("float32"), training=False).numpy()[:, 0].astype(float),
            segmenter(scan.image.astype("float32"), training=False).numpy()[..., 0].astype(float),
        )
        for scan in scans
    ]


def cooled(probability, temperature):
    return expit(logit(np.clip(probability, 1e-7, 1 - 1e-7)) / temperature)


def best_temperature(probability, labels):
    """By trying: of the least mean negative log-likelihood."""
    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 150))
    said = logit(np.clip(probability, 1e-7, 1 - 1e-7))
    losses = [-np.mean(np.log(expit(np.where(labels, said, -said) / t))) for t in grid]
    return grid[np.argmin(losses)]


def test_temperatures_are_the_likeliest_of_the_validation_patients(record, scans, raw):
    found = np.concatenate([p for p, _ in raw]), np.concatenate([maps.ravel() for _, maps in raw])
    truth = (
        np.concatenate([scan.mask.any(axis=(1, 2)) for scan in scans]),
        np.concatenate([scan.mask.ravel() for scan in scans]),
    )
    for name, probability, labels in zip(("tumor", "mask"), found, truth, strict=True):
        assert record[f"{name}_temperature"] == pytest.approx(best_temperature(probability, labels), rel=0.05)
        assert abs(record[f"{name}_temperature"] - 1) > 0.1  # else nothing would have been shown


@pytest.fixture(scope="module")
def calibrated(record, raw):
    return [(cooled(p, record["tumor_temperature"]), cooled(maps, record["mask_temperature"])) for p, maps in raw]


def test_thresholds_are_of_calibrated_probabilities_of_the_validation_patients(record, scans, calibrated):
    ill = np.concatenate([p[scan.mask.any(axis=(1, 2))] for scan, (p, _) in zip(scans, calibrated, strict=True)])
    passed = ill >= record["tumor_threshold"]
    assert passed.mean() >= PARAMETERS["sensitivity"] > (ill > ill[passed].min() + ROUNDING).mean()
    by_threshold = [
        np.mean(
            [
                dice(scan.mask, (maps >= t) & (p >= record["tumor_threshold"])[:, None, None])
                for scan, (p, maps) in zip(scans, calibrated, strict=True)
            ]
        )
        for t in MASK_THRESHOLDS
    ]
    assert record["mask_threshold"] == middle_of_best(np.array(by_threshold))
    assert np.ptp(by_threshold) > 0.1


def test_the_evidence_for_the_processing_is_true(record, scans, calibrated):
    drawn = [
        (maps >= record["mask_threshold"]) & (p >= record["tumor_threshold"])[:, None, None] for p, maps in calibrated
    ]
    evidence = record["processing_evidence"]
    assert len(evidence) > 3
    for row in evidence:
        choice = {"largest": row["largest"], "min_ml": row["min_ml"]}
        scores = [
            dice(scan.mask, keep_components(mask, scan.spacing, **choice))
            for scan, mask in zip(scans, drawn, strict=True)
        ]
        assert row["volume_dice_mean"] == pytest.approx(np.mean(scores))
        assert row["patients_at_zero"] == sum(score == 0 for score in scores)
        assert row["patients"] == 4
    (done,) = (row for row in evidence if row["min_ml"] == record["processing"]["min_ml"])
    assert done["volume_dice_mean"] >= evidence[0]["volume_dice_mean"]
    assert record["validation_volume_dice_mean"] == done["volume_dice_mean"]


@pytest.fixture(scope="module")
def predict(layered):
    return Predictor(layered, "tensorflow")


def test_the_share_to_refer_is_that_of_the_validation_patients(predict, scans, record):
    doubts = {scan.patient: predict(scan)[1].doubt for scan in scans}
    (referred,) = [name for name, doubt in doubts.items() if doubt >= record["refer_at_doubt"]]
    assert "_1003_" in referred  # nothing is drawn there


def test_the_saved_model_holds_what_was_chosen(predict, record):
    for name in ("tumor_temperature", "mask_temperature", "tumor_threshold", "mask_threshold"):
        assert getattr(predict.engine.model, name).numpy() == pytest.approx(record[name]), name
    assert record["neighbors"] == 0
    assert record["validation_sensitivity"] == PARAMETERS["sensitivity"]


def test_the_same_networks_give_the_same_choices(trained, layered, tmp_path, monkeypatch):
    monkeypatch.setattr(Layered, "save", lambda self, folder: folder.mkdir())  # the choices are what is compared
    run(trained, tmp_path / "again")
    once, again = (json.loads((at / SERVING / LAYERED).read_text()) for at in (layered, tmp_path / "again"))
    for record in (once, again):  # names in a graph count up within a process, and so change the files' hashes
        record.pop(ENTRY)
    assert again == once


def test_the_model_tells_whom_it_has_learned_from_and_names_nobody(layered, record, trained):
    table = read_splits(trained / "splits.csv")
    for side, known in (("train", True), ("val", True), ("test", False)):
        for person in map(fingerprint, table.loc[table["split"] == side, "patient"]):
            assert all((person in record["made_from"][name]["people"]) == known for name in NETWORKS)
    for patient in table["patient"]:
        for path in (path for path in layered.rglob("*") if path.is_file()):
            assert subject_of(patient).encode() not in path.read_bytes(), path


def test_the_networks_are_there_for_both_engines_and_what_litert_says_was_compared(layered, record, scans):
    assert set(read_litert(layered, record)) == set(NETWORKS)
    both = [Predictor(layered, engine).engine for engine in ENGINES]
    for scan in scans:
        found, expected = (engine.detect(scan) for engine in both)
        assert np.array_equal(found["mask"], expected["mask"])
    assert any(engine.detect(scan)["mask"].any() for engine in both for scan in scans)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_that_became_another_one_for_litert_is_refused_and_nothing_is_written(
    trained, tmp_path, monkeypatch, network
):
    def careless(model, **options):
        if model.name == network:  # a conversion that loses a little of one weight
            for weight in model.weights[-1:]:
                weight.assign(weight + 0.01)
        return litert(model, **options)

    monkeypatch.setattr("components.assemble.stage.litert", careless)
    with pytest.raises(UserError, match="LiteRT and TensorFlow disagree about a validation patient") as error:
        run(trained, tmp_path / "layered")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_what_rounding_makes_of_a_network_that_is_too_sure_is_no_disagreement(trained, tmp_path, monkeypatch):
    def sure(folder):  # of every slice, so half of them wrongly, and the temperature is as high as it gets
        network = load_network(folder)
        if network.name == "classifier":
            network.weights[-1].assign([14.0])
        return network

    def rounded(model, **options):  # 1 - 8e-7 becomes 1 - 6e-7, and, calibrated, 0.80 becomes 0.81
        if model.name == "classifier":
            model.weights[-1].assign([14.3])
        return litert(model, **options)

    monkeypatch.setattr("components.assemble.stage.load_network", sure)
    monkeypatch.setattr("components.assemble.stage.litert", rounded)
    monkeypatch.setattr(Layered, "save", lambda self, folder: folder.mkdir())  # comes after the comparison
    assert run(trained, tmp_path / "layered")["tumor_temperature"] > 5


def test_smoothed_along_scans_both_engines_still_agree(trained, tmp_path, scans, raw, monkeypatch):
    monkeypatch.setattr("components.assemble.choices.SIGMAS", (1.0,))  # these networks would do without
    names = (*NETWORKS, "scans", "splits.csv")
    record = assemble(*(trained / name for name in names), tmp_path / "layered", **PARAMETERS, smooth=True)
    labels = [scan.mask.any(axis=(1, 2)) for scan in scans]
    calibrated = [cooled(p, record["tumor_temperature"]) for p, _ in raw]
    assert record["tumor_smoothing"] == pytest.approx(smoothing(labels, calibrated, PARAMETERS["sensitivity"]))
    found = [Predictor(tmp_path / "layered", engine).engine.detect(scans[0]) for engine in ENGINES]
    assert np.array_equal(found[0]["mask"], found[1]["mask"])


def test_without_a_tumour_on_the_validation_side_nothing_is_chosen_or_written(trained, scans, tmp_path):
    shutil.copytree(trained / "scans", tmp_path / "scans")
    for scan in scans:
        write_mask(mask_path(tmp_path / "scans", scan.patient), np.zeros_like(scan.mask), scan.affine)
    networks = (trained / name for name in NETWORKS)
    with pytest.raises(UserError, match=r"no validation patient has a tumour.*raise split\.val"):
        assemble(*networks, tmp_path / "scans", trained / "splits.csv", tmp_path / "out" / "layered", **PARAMETERS)
    assert not (tmp_path / "out").exists()
