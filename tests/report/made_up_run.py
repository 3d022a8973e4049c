"""A finished run without any training: noise scans with a square tumour, and a made-up model's predictions.

The project's own code computes all numbers, so the tables have the shape of real ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from components.common.files import write_json
from components.common.layout import CHAMPION, HISTORY, LAYERED, PATIENTS, PIXELS, SERVING, SLICES
from components.common.predictions import read_patients
from components.common.tables import PROBLEM_COLUMNS
from components.evaluate import verdict as verdicts
from components.evaluate.stage import measure
from components.layered.decision import decide
from components.layered.views import Views
from components.metrics.pixel_calibration import PixelCalibration
from components.report.run_data import read_run
from components.scans.identity import fingerprint
from components.scans.scan import Scan
from components.scans.scan_files import mask_path, write_mask, write_scan
from components.scans.slice_features import describe

SIZE, SLICE_COUNT = 48, 6
HASH = "0123456789abcdef" * 4
TRAINED = ["DEMO_AA_1_20200101", "DEMO_BB_2_20200101", "DEMO_AA_3_20200101"]
RECORD = {
    "neighbors": 0,
    "tumor_temperature": 1.5,
    "mask_temperature": 0.8,
    "tumor_threshold": 0.5,
    "mask_threshold": 0.5,
    "processing": {"largest": False, "min_ml": 0.0},
    "refer_at_doubt": 0.2,
}
TFMA = {
    "classifier": {
        "overall": {"auroc": 0.97, "pr_auc": 0.95, "example_count": 36.0},
        "site=AA": {"auroc": 0.96, "pr_auc": 0.94, "example_count": 18.0},
    },
    "segmenter": {"overall": {"pooled_dice": 0.91, "example_count": 36.0}, "site=AA": {"example_count": 18.0}},
}


def names_of_patients(count):
    """Names of test patients."""
    return [f"DEMO_{'AB'[i % 2] * 2}_{100 + i}_20200101" for i in range(count)]


def made_up_scan(patient, *, tumor=slice(2, 4), size=SIZE, slices=SLICE_COUNT):
    """Noise in a disc, with a square tumour a fifth as wide on the slices `tumor`; None for no tumour."""
    rng = np.random.default_rng([*patient.encode()])
    rows, columns = np.mgrid[:size, :size] - size / 2
    image = rng.integers(40, 140, (slices, size, size, 3), dtype=np.uint8)
    image[:, rows**2 + columns**2 > (0.45 * size) ** 2] = 0
    mask = np.zeros((slices, size, size), bool)
    if tumor is not None:
        at, side = rng.integers(size // 4, size // 2), size // 5
        mask[tumor, at : at + side, at : at + side] = True
    image[mask] += 100
    return Scan(patient, patient.split("_")[1], image, mask)


def good(scan, number):
    """Find every tumour, but shift its mask further, with less certainty, from patient to patient."""
    has_tumor = scan.mask.any(axis=(1, 2))
    shifted = np.roll(scan.mask, number % 6, axis=2)
    certainty = 0.98 - 0.08 * (number % 6)
    return np.where(has_tumor, 0.9, 0.1) - 0.01 * number % 0.05, np.where(shifted, certainty, 0.001)


def over_confident(scan, number):
    """Be nearly certain of tumour in half of the empty slices, too, and predict four times its area."""
    has_tumor = scan.mask.any(axis=(1, 2))
    wide = scan.mask | np.roll(scan.mask, 9, 1) | np.roll(scan.mask, 9, 2) | np.roll(scan.mask, (9, 9), (1, 2))
    tumor_probability = np.where(has_tumor, 0.99, np.where(np.arange(len(has_tumor)) % 2, 0.985, 0.01))
    return tumor_probability - 0.001 * number % 0.002, np.where(wide, 0.99 - 0.001 * number, 0.0005)


def all_background(scan, number):
    """Find nothing, anywhere."""
    return np.full(len(scan.mask), 0.01 + 0.0001 * number), np.full(scan.mask.shape, 0.0001)


def predict(folder, scans, model):
    """Write what `evaluate` would write for a made-up model."""
    folder.mkdir(parents=True)
    found, pixels = [], PixelCalibration()
    for number, scan in enumerate(scans):
        tumor_probability, mask_probability = model(scan, number)
        outputs = Views(tumor_probability, mask_probability, mask_probability)
        prediction = decide(outputs, scan.spacing, RECORD)
        write_mask(mask_path(folder, scan.patient), prediction.mask, scan.affine)
        found.append(measure(scan, outputs, prediction))
        pixels += PixelCalibration.of(mask_probability, scan.mask)
    for kind, file in (("patients", PATIENTS), ("slices", SLICES)):
        pd.DataFrame([row for one in found for row in one[kind]]).to_csv(folder / file, index=False)
    (folder / PIXELS).write_text(json.dumps({name: v.tolist() for name, v in vars(pixels).items()}))


def write_networks(artifacts):
    """Write training histories, arguments and weights, as small as possible."""
    scores = {"classifier": ("auroc", "val_auroc"), "segmenter": ("pooled_dice", "val_volume_dice")}
    arguments = {
        "classifier": {"name": "MobileNet", "weights": "none", "size": 64, "strategy": "finetune"},
        "segmenter": {"filters": [8, 16], "size": 96, "neighbors": 0},
    }
    for network, (training, validation) in scores.items():
        folder = artifacts / network
        folder.mkdir(parents=True)
        columns = {"epoch": [0, 1, 2], training: [0.3, 0.6, 0.8], validation: [0.4, 0.7, 0.65]}
        pd.DataFrame({**columns, "loss": [0.9, 0.5, 0.3], "val_loss": [0.8, 0.6, 0.7]}).to_csv(
            folder / HISTORY, index=False
        )
        write_json(folder / "network.json", {"arguments": arguments[network]})
        with h5py.File(folder / "network.weights.h5", "w") as file:
            file["layers/dense/vars/0"] = np.zeros((3, 4), np.float32)
            file["layers/dense/vars/1"] = np.zeros(4, np.float32)


def write_record(layered, people):
    """Write layered.json of a model trained on these persons."""
    made_from = {"train": HASH, "val": HASH, "parameters": HASH, "code": HASH, "pretrained": "", "precision": "float32"}
    made_from["people"] = sorted(fingerprint(one) for one in people)
    record = {**RECORD, "made_from": {"classifier": made_from, "segmenter": made_from}}
    (layered / SERVING / LAYERED).parent.mkdir(parents=True)
    write_json(layered / SERVING / LAYERED, record)


def write_run(
    folder, params, scans, model=good, *, leaky=False, champion=None, problems=(), synthetic=True, reviewed=None
):
    """Write everything that a run leaves behind, and return the arguments for `read_run`.

    Args:
        scans: the test patients.
        leaky: the model was also trained on the first of them.
        champion: another model, currently in use.
        problems: rows of problems.csv.
        reviewed: decision on the reference, and the review's name and reviewer, by patient.
    """
    folder = Path(folder)
    (folder / "scans").mkdir(parents=True)
    for scan in scans:
        write_scan(folder / "scans", scan)
    others = [made_up_scan(name) for name in TRAINED]
    rows = [row for scan in [*scans, *others] for row in describe(scan, synthetic)]
    manifest = pd.DataFrame(rows)
    if reviewed:
        manifest["review"], manifest["review_by"] = (
            [reviewed.get(patient, ("", ""))[at] for patient in manifest["patient"]] for at in (0, 1)
        )
    manifest.to_csv(folder / "manifest.csv", index=False)
    split_names = ["test"] * len(scans) + ["train", "train", "val"]
    splits = [
        (one.patient, one.subject, one.site, side, 0) for one, side in zip([*scans, *others], split_names, strict=True)
    ]
    pd.DataFrame(splits, columns=["patient", "subject", "site", "split", "fold"]).to_csv(
        folder / "splits.csv", index=False
    )
    pd.DataFrame(problems, columns=PROBLEM_COLUMNS).to_csv(folder / "problems.csv", index=False)
    write_networks(folder / "artifacts")
    write_record(folder / "artifacts" / "layered", TRAINED + [scans[0].patient] * leaky)
    predict(folder / "predictions", scans, model)
    (folder / "champion").mkdir()
    if champion:
        write_record(folder / "champion", TRAINED)

    def measure_champion(*_, **__):
        predict(folder / "champion_predictions", scans, champion)
        (folder / "champion_predictions" / PATIENTS).rename(folder / "predictions" / CHAMPION)
        return (
            read_patients(folder / "predictions")
            .drop(columns="volume_dice")
            .merge(
                pd.read_csv(folder / "predictions" / CHAMPION).query("gate == 'on'")[["patient", "volume_dice"]],
                on="patient",
            )
        )

    params = params.model_copy(update={"gate": params.gate.model_copy(update={"champion": str(folder / "champion")})})
    original, verdicts._measure = verdicts._measure, measure_champion
    try:
        metrics, verdict = verdicts.decide_verdict(
            params, layered=folder / "artifacts" / "layered", predictions=folder / "predictions",
            scans=folder / "scans", splits=folder / "splits.csv", manifest=folder / "manifest.csv", tfma=TFMA,
            refusals=[],
        )  # fmt: skip
    finally:
        verdicts._measure = original
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "verdict.json", verdict)
    return {"params": params, **paths(folder)}


def paths(folder):
    """Where `write_run` put everything, as arguments for `read_run`."""
    files = {name: folder / f"{name}.csv" for name in ("manifest", "splits", "problems", "drift")}
    files |= {name: folder / f"{name}.json" for name in ("metrics", "verdict")}
    return {**files, **{name: folder / name for name in ("artifacts", "predictions", "scans")}}


def made_up_run(folder, params, scans=None, model=good, **arguments):
    """Write a run of ten patients, or of these scans, and read it."""
    scans = [made_up_scan(name) for name in names_of_patients(10)] if scans is None else scans
    return read_run(**write_run(folder, params, scans, model, **arguments))
