"""All choices together, on scans whose best thresholds and processing are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from components.assemble.choices import MASK_THRESHOLDS, choose, tumor_threshold
from components.layered.decision import calibrate, doubt, unprocessed
from components.layered.views import Views
from components.metrics.components3d import keep_components
from components.metrics.mask_scores import dice
from components.metrics.pixel_calibration import PixelCalibration
from components.metrics.temperature import apply_temperature, temperature

SPACING = (5.0, 1.0, 1.0)
INSIDE, RING, OUTSIDE = 0.8, 0.6, 0.02
TUMOR, BLOB = (slice(3, 7), slice(6, 12), slice(6, 12)), (slice(4, 5), slice(2, 3), slice(2, 4))  # 0.72 and 0.01 ml


class Validation:
    """Six scans of ten slices in memory, one of them without tumour. Every third shows a blob that is no tumour."""

    def __init__(self):
        self.scans, self.seen, self.pixels = [], [], PixelCalibration()
        rng = np.random.default_rng(3)
        for number in range(6):
            mask, maps = np.zeros((10, 16, 16), bool), np.full((10, 16, 16), OUTSIDE)
            if number:
                mask[TUMOR] = True
                maps[3:7, 5:13, 5:13] = RING
                maps[TUMOR] = INSIDE - 0.01 * number  # later scans are less certain
            if number % 3 == 1:
                maps[BLOB] = INSIDE
            slice_probabilities = np.where(mask.any(axis=(1, 2)), 0.9, 0.3) + rng.uniform(-0.1, 0.1, 10)
            self.scans.append(SimpleNamespace(mask=mask, spacing=SPACING))
            self.seen.append(Views(slice_probabilities, maps))
            self.pixels += PixelCalibration.of(maps, mask)
        self.counts = np.full(6, 10)
        self.labels = np.concatenate([scan.mask.any(axis=(1, 2)) for scan in self.scans])
        self.probabilities = np.concatenate([seen.tumor_probability for seen in self.seen])

    def patients(self, tumor_temperature, mask_temperature):
        for number, (scan, seen) in enumerate(zip(self.scans, self.seen, strict=True)):
            yield str(number), scan, calibrate(seen, tumor_temperature, mask_temperature)


@pytest.fixture(scope="module")
def validation():
    return Validation()


@pytest.fixture(scope="module")
def record(validation):
    return choose(validation, sensitivity=1.0, refer=0.2, smooth=True)


def test_each_stage_gets_its_own_temperature(validation, record):
    assert record["tumor_temperature"] == temperature(validation.probabilities, validation.labels)
    assert record["mask_temperature"] == validation.pixels.temperature() != record["tumor_temperature"]


def test_stage_1_separates_the_slices_and_is_not_smoothed_needlessly(validation, record):
    calibrated = apply_temperature(validation.probabilities, record["tumor_temperature"])
    assert np.array_equal(calibrated >= record["tumor_threshold"], validation.labels)
    assert record["tumor_threshold"] == tumor_threshold(validation.labels, calibrated, 1.0)
    assert "tumor_smoothing" not in record
    assert record["validation_sensitivity"] == 1.0


def test_the_mask_threshold_is_the_middle_of_those_that_exclude_the_ring(record):
    ring, inside = apply_temperature(np.array([RING, INSIDE - 0.05]), record["mask_temperature"])
    good = MASK_THRESHOLDS[(ring < MASK_THRESHOLDS) & (inside >= MASK_THRESHOLDS)]
    assert len(good) > 2
    assert record["mask_threshold"] == good[(len(good) - 1) // 2]
    assert np.array_equal(MASK_THRESHOLDS, [round(0.05 * step, 2) for step in range(1, 20)])


def test_the_smallest_processing_that_removes_the_blobs_is_chosen(validation, record):
    assert record["processing"] == {"largest": False, "min_ml": 0.05}
    assert record["validation_volume_dice_mean"] == 1.0
    evidence = record["processing_evidence"]
    assert evidence[0]["volume_dice_mean"] == pytest.approx((3 + 2 * 288 / 290) / 5)
    assert evidence[0]["patients"] == 5
    for _, scan, seen in validation.patients(record["tumor_temperature"], record["mask_temperature"]):
        predicted = keep_components(unprocessed(seen, record), SPACING, **record["processing"])
        assert dice(scan.mask, predicted) == 1.0


def test_the_requested_share_of_patients_is_referred(validation, record):
    seen = [seen for _, _, seen in validation.patients(record["tumor_temperature"], record["mask_temperature"])]
    doubts = [doubt(one, SPACING, record) for one in seen]
    assert [number for number in range(6) if doubts[number] > record["refer_at_doubt"]] == [int(np.argmax(doubts))]
    assert sorted(doubts)[-2] == pytest.approx(record["refer_at_doubt"])


def test_the_recorded_score_is_that_of_the_chosen_processing():
    class OneBlob(Validation):
        def __init__(self):
            super().__init__()
            self.seen[4].mask_probability[BLOB] = OUTSIDE  # so that only one patient would benefit

    found = choose(OneBlob(), sensitivity=1.0, refer=0.2, smooth=False)
    assert found["processing"] == {"largest": False, "min_ml": 0.0}
    assert found["validation_volume_dice_mean"] == found["processing_evidence"][0]["volume_dice_mean"] < 1.0
