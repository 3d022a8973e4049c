"""Stage assemble: what it chooses on validation patients, and the layered model that it writes."""

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
    """Both networks, and scans of the four validation patients only, so that no other patient has any influence."""
    folder = tmp_path_factory.mktemp("trained")
    table = read_splits(data / "splits.csv").sort_values("patient", ignore_index=True)
    # One validation patient, 1003, has no pre-contrast images; without them, the networks find no tumour.
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


def run_assemble(trained, layered):
    names = (*NETWORKS, "scans", "splits.csv")
    return assemble(*(trained / name for name in names), layered, **PARAMETERS)


@pytest.fixture(scope="module")
def layered(trained):
    run_assemble(trained, trained / "layered")
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
    """Outputs of the networks on their own for each scan: tumour probability and maps."""
    classifier, segmenter = (load_network(trained / name) for name in NETWORKS)
    return [
        (
            classifier(scan.image.astype("float32"), training=False).numpy()[:, 0].astype(float),
            segmenter(scan.image.astype("float32"), training=False).numpy()[..., 0].astype(float),
        )
        for scan in scans
    ]


def scaled(probability, temperature):
    return expit(logit(np.clip(probability, 1e-7, 1 - 1e-7)) / temperature)


def best_temperature(probability, labels):
    """The temperature with the lowest mean negative log-likelihood, found by a grid search."""
    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 150))
    logits = logit(np.clip(probability, 1e-7, 1 - 1e-7))
    losses = [-np.mean(np.log(expit(np.where(labels, logits, -logits) / t))) for t in grid]
    return grid[np.argmin(losses)]


def test_temperatures_maximise_the_likelihood_of_validation_patients(record, scans, raw):
    found = np.concatenate([p for p, _ in raw]), np.concatenate([maps.ravel() for _, maps in raw])
    truth = (
        np.concatenate([scan.mask.any(axis=(1, 2)) for scan in scans]),
        np.concatenate([scan.mask.ravel() for scan in scans]),
    )
    for name, probability, labels in zip(("tumor", "mask"), found, truth, strict=True):
        assert record[f"{name}_temperature"] == pytest.approx(best_temperature(probability, labels), rel=0.05)
        assert abs(record[f"{name}_temperature"] - 1) > 0.1  # a temperature of 1 would prove nothing


@pytest.fixture(scope="module")
def calibrated(record, raw):
    return [(scaled(p, record["tumor_temperature"]), scaled(maps, record["mask_temperature"])) for p, maps in raw]


def test_thresholds_are_chosen_on_calibrated_validation_probabilities(record, scans, calibrated):
    with_tumor = np.concatenate([p[scan.mask.any(axis=(1, 2))] for scan, (p, _) in zip(scans, calibrated, strict=True)])
    passed = with_tumor >= record["tumor_threshold"]
    assert passed.mean() >= PARAMETERS["sensitivity"] > (with_tumor > with_tumor[passed].min() + ROUNDING).mean()
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


def test_the_recorded_evidence_for_the_processing_is_correct(record, scans, calibrated):
    predicted = [
        (maps >= record["mask_threshold"]) & (p >= record["tumor_threshold"])[:, None, None] for p, maps in calibrated
    ]
    evidence = record["processing_evidence"]
    assert len(evidence) > 3
    for row in evidence:
        choice = {"largest": row["largest"], "min_ml": row["min_ml"]}
        scores = [
            dice(scan.mask, keep_components(mask, scan.spacing, **choice))
            for scan, mask in zip(scans, predicted, strict=True)
        ]
        assert row["volume_dice_mean"] == pytest.approx(np.mean(scores))
        assert row["patients_at_zero"] == sum(score == 0 for score in scores)
        assert row["patients"] == 4
    (chosen_row,) = (row for row in evidence if row["min_ml"] == record["processing"]["min_ml"])
    assert chosen_row["volume_dice_mean"] >= evidence[0]["volume_dice_mean"]
    assert record["validation_volume_dice_mean"] == chosen_row["volume_dice_mean"]


@pytest.fixture(scope="module")
def predict(layered):
    return Predictor(layered, "tensorflow")


def test_the_requested_share_of_validation_patients_is_referred(predict, scans, record):
    doubts = {scan.patient: predict(scan)[1].doubt for scan in scans}
    (referred,) = [name for name, doubt in doubts.items() if doubt >= record["refer_at_doubt"]]
    assert "_1003_" in referred  # the networks find no tumour there


def test_the_saved_model_holds_the_chosen_values(predict, record):
    for name in ("tumor_temperature", "mask_temperature", "tumor_threshold", "mask_threshold"):
        assert getattr(predict.engine.model, name).numpy() == pytest.approx(record[name]), name
    assert record["neighbors"] == 0
    assert record["validation_sensitivity"] == PARAMETERS["sensitivity"]


def test_the_same_networks_give_the_same_choices(trained, layered, tmp_path, monkeypatch):
    monkeypatch.setattr(Layered, "save", lambda self, folder: folder.mkdir())  # only the choices are compared
    run_assemble(trained, tmp_path / "again")
    once, again = (json.loads((parent / SERVING / LAYERED).read_text()) for parent in (layered, tmp_path / "again"))
    for record in (once, again):  # graphs contain names with a counter of the process, so the files' hashes differ
        record.pop(ENTRY)
    assert again == once


def test_the_model_records_its_patients_by_fingerprint_and_never_by_name(layered, record, trained):
    table = read_splits(trained / "splits.csv")
    for split_name, known in (("train", True), ("val", True), ("test", False)):
        for person in map(fingerprint, table.loc[table["split"] == split_name, "patient"]):
            assert all((person in record["made_from"][name]["people"]) == known for name in NETWORKS)
    for patient in table["patient"]:
        for path in (path for path in layered.rglob("*") if path.is_file()):
            assert subject_of(patient).encode() not in path.read_bytes(), path


def test_both_engines_have_the_networks_and_predict_the_same_masks(layered, record, scans):
    assert set(read_litert(layered, record)) == set(NETWORKS)
    engines = [Predictor(layered, engine).engine for engine in ENGINES]
    for scan in scans:
        found, expected = (engine.detect(scan) for engine in engines)
        assert np.array_equal(found["mask"], expected["mask"])
    assert any(engine.detect(scan)["mask"].any() for engine in engines for scan in scans)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_changed_by_conversion_is_refused_and_nothing_is_written(trained, tmp_path, monkeypatch, network):
    def lossy_conversion(model, **options):
        if model.name == network:  # slightly changes one weight
            for weight in model.weights[-1:]:
                weight.assign(weight + 0.01)
        return litert(model, **options)

    monkeypatch.setattr("components.assemble.stage.litert", lossy_conversion)
    with pytest.raises(UserError, match="LiteRT and TensorFlow disagree about a validation patient") as error:
        run_assemble(trained, tmp_path / "layered")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_rounding_in_an_overconfident_network_is_no_disagreement(trained, tmp_path, monkeypatch):
    # Sure of every slice and wrong about half of them, so that the temperature reaches its maximum.
    def load_overconfident(folder):
        network = load_network(folder)
        if network.name == "classifier":
            network.weights[-1].assign([14.0])
        return network

    def convert_with_rounding(model, **options):  # 1 - 8e-7 becomes 1 - 6e-7, and, calibrated, 0.80 becomes 0.81
        if model.name == "classifier":
            model.weights[-1].assign([14.3])
        return litert(model, **options)

    monkeypatch.setattr("components.assemble.stage.load_network", load_overconfident)
    monkeypatch.setattr("components.assemble.stage.litert", convert_with_rounding)
    monkeypatch.setattr(Layered, "save", lambda self, folder: folder.mkdir())  # saving comes after the comparison
    assert run_assemble(trained, tmp_path / "layered")["tumor_temperature"] > 5


def test_both_engines_agree_with_smoothing_along_scans(trained, tmp_path, scans, raw, monkeypatch):
    monkeypatch.setattr("components.assemble.choices.SIGMAS", (1.0,))  # these networks would not need it
    names = (*NETWORKS, "scans", "splits.csv")
    record = assemble(*(trained / name for name in names), tmp_path / "layered", **PARAMETERS, smooth=True)
    labels = [scan.mask.any(axis=(1, 2)) for scan in scans]
    calibrated = [scaled(p, record["tumor_temperature"]) for p, _ in raw]
    assert record["tumor_smoothing"] == pytest.approx(smoothing(labels, calibrated, PARAMETERS["sensitivity"]))
    found = [Predictor(tmp_path / "layered", engine).engine.detect(scans[0]) for engine in ENGINES]
    assert np.array_equal(found[0]["mask"], found[1]["mask"])


def test_without_a_validation_tumour_nothing_is_chosen_or_written(trained, scans, tmp_path):
    shutil.copytree(trained / "scans", tmp_path / "scans")
    for scan in scans:
        write_mask(mask_path(tmp_path / "scans", scan.patient), np.zeros_like(scan.mask), scan.affine)
    networks = (trained / name for name in NETWORKS)
    with pytest.raises(UserError, match=r"no validation patient has a tumour.*raise split\.val"):
        assemble(*networks, tmp_path / "scans", trained / "splits.csv", tmp_path / "out" / "layered", **PARAMETERS)
    assert not (tmp_path / "out").exists()
