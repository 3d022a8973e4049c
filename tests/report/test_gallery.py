"""The report's gallery: which patients and slices it shows, and how outlines are drawn."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from made_up_run import made_up_run, made_up_scan, names_of_patients
from PIL import Image

from components.report.gallery import outline, overlay, picks, shown, square


def area(path):
    """Area inside an SVG path of straight lines (shoelace formula)."""
    total = 0.0
    for line in path.split("Z")[:-1]:
        points = np.array([pair.split(",") for pair in line[1:].split("L")], float)
        x, y = points.T
        total += (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    return abs(total)


def test_an_outline_encloses_its_pixels_even_at_the_border():
    mask = np.zeros((20, 30), bool)
    mask[0:6, 10:20] = True
    points = np.array(re.findall(r"([-\d.]+),([-\d.]+)", outline(mask)), float)
    assert points.min(axis=0) == pytest.approx([10, 0])
    assert points.max(axis=0) == pytest.approx([20, 6])
    assert area(outline(mask)) == pytest.approx(60, abs=1)  # corners are cut


def test_a_hole_gets_its_own_outline():
    mask = np.zeros((20, 20), bool)
    mask[4:16, 4:16] = True
    mask[8:12, 8:12] = False
    assert outline(mask).count("M") == 2


def test_the_shown_slice_has_most_tumour_or_most_mask_or_is_the_middle():
    truth, predicted = np.zeros((2, 5, 8, 8), bool)
    assert shown(truth, predicted)[0] == 2
    predicted[4, :2] = True
    assert shown(truth, predicted)[0] == 4
    truth[1, :3] = truth[3, :1] = True
    assert shown(truth, predicted)[0] == 1


def test_the_crop_is_square_around_the_head_and_outlines_stay_aligned():
    image = np.zeros((60, 40), np.uint8)
    image[20:30, 5:25] = 200
    mask = np.zeros((60, 40), bool)
    mask[20:30, 5:25] = True
    row, column, side = square(image > 10)
    assert side == 20 + 2 * 8
    assert (row + side / 2, column + side / 2) == pytest.approx((25, 15), abs=0.5)
    text = overlay(image, mask, mask, "words & signs")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", text)[1]))))
    assert picture.shape == (side, side)
    bright = np.argwhere(picture > 0)
    points = np.array(re.findall(r"([-\d.]+),([-\d.]+)", re.search(r' d="([^"]+)"', text)[1]), float)
    assert points.min(axis=0)[::-1] == pytest.approx(bright.min(axis=0))
    assert points.max(axis=0)[::-1] == pytest.approx(bright.max(axis=0) + 1)
    assert 'aria-label="words &amp; signs"' in text


def test_a_black_slice_without_masks_has_no_outline():
    empty = np.zeros((16, 16), bool)
    assert "<path" not in overlay(np.zeros((16, 16), np.uint8), empty, empty, "black")


def test_best_median_and_worst_come_first_then_the_most_doubtful(tmp_path, tiny_params):
    run = made_up_run(tmp_path, tiny_params, [made_up_scan(name) for name in names_of_patients(20)])
    run.metrics["doubt"]["refer_at_doubt"] = 0.0
    found = picks(run)
    ranked = run.with_tumor["patient"].tolist()
    assert list(found)[:3] == [ranked[0], ranked[10], ranked[-1]]
    assert len(found) == 12
    doubtful = run.patients.sort_values(["doubt", "patient"], ascending=[False, True])["patient"].tolist()
    assert list(found)[3:] == [name for name in doubtful if name not in list(found)[:3]][:9]
    assert found[ranked[-1]] == ["worst", "referred"]
