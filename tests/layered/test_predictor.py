from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.layered.decision import decide, doubt, unprocessed
from components.layered.views import Views, views
from components.scans.scan import Scan

RECORD = {
    "neighbors": 0,
    "tumor_threshold": 0.5,
    "mask_threshold": 0.4,
    "processing": {"largest": False, "min_ml": 0.002},  # two voxels of a cubic millimetre
}

SPACING = (1.0, 1.0, 1.0)

probabilities = st.floats(0, 1, width=32)


def made_up(slices=3, size=6):
    """A block in the first two slices and a speck in the last, to which stage 1 says 0.9, 0.5 and 0.2."""
    drawn = np.zeros((slices, size, size), np.float32)
    drawn[:2, 1:3, 1:3] = 0.8
    drawn[2, 5, 5] = 0.4
    return Views(np.array([0.9, 0.5, 0.2], np.float32), drawn, drawn)


def test_a_decision_by_hand():
    seen = made_up()
    found = decide(seen, SPACING, RECORD)
    assert found.has_tumor.tolist() == [True, True, False]  # exactly at the threshold is enough
    assert found.mask.sum(axis=(1, 2)).tolist() == [4, 4, 0]
    assert found.ungated.sum(axis=(1, 2)).tolist() == [4, 4, 0]  # the speck is too small
    all_pass = decide(seen, SPACING, RECORD | {"tumor_threshold": 0.1})
    assert all_pass.unprocessed.sum(axis=(1, 2)).tolist() == [4, 4, 1]
    assert all_pass.mask.sum(axis=(1, 2)).tolist() == [4, 4, 0]
    none_pass = decide(seen, SPACING, RECORD | {"tumor_threshold": 0.95})
    assert not none_pass.mask.any()
    assert none_pass.ungated.sum() == 8


def test_doubt_by_hand():
    found = decide(made_up(), SPACING, RECORD)
    # Of eight voxels of 0.8 and the speck's 0.4, the mask holds the eight: 2 * 6.4 / (6.8 + 8).
    assert found.doubt == pytest.approx(1 - 12.8 / 14.8)
    of_mask = 1 - 2 * 3.2 / (3.2 + 4)
    entropy = [-(p * np.log2(p) + (1 - p) * np.log2(1 - p)) for p in (0.9, 0.5, 0.2)]
    assert found.slice_doubt == pytest.approx([max(entropy[0], of_mask), 1, entropy[2]])


def test_a_mirror_image_that_says_otherwise_is_doubt():
    seen = made_up()
    torn = Views(seen.tumor_probability, seen.mask_probability, np.zeros_like(seen.mirrored))
    sure, unsure = decide(seen, SPACING, RECORD), decide(torn, SPACING, RECORD)
    assert unsure.doubt > sure.doubt + 0.2
    assert (unsure.slice_doubt >= sure.slice_doubt).all()
    assert np.array_equal(sure.mask, unsure.mask)  # doubt changes no mask


def test_where_stage_2_looks_at_the_mirror_image_itself_its_map_is_what_doubt_is_measured_by():
    seen = made_up()
    both = Views(seen.tumor_probability, seen.mask_probability)
    found, twice = decide(both, SPACING, RECORD), decide(seen, SPACING, RECORD)
    assert found.doubt == twice.doubt > 0
    assert np.array_equal(found.slice_doubt, twice.slice_doubt)


@settings(deadline=None)
@given(
    arrays(np.float32, 3, elements=probabilities),
    *(arrays(np.float32, (3, 4, 4), elements=probabilities) for _ in range(2)),
    st.floats(0.05, 0.95),
    st.booleans(),
)
def test_processing_only_takes_away_and_stage_1_too(tumor, drawn, mirrored, threshold, largest):
    record = RECORD | {"tumor_threshold": threshold, "processing": {"largest": largest, "min_ml": 0.002}}
    seen = Views(tumor, drawn, mirrored)
    found = decide(seen, SPACING, record)
    assert np.array_equal(found.unprocessed, unprocessed(seen, record))
    assert found.doubt == doubt(seen, SPACING, record)
    assert not (found.mask & ~found.unprocessed).any()
    assert not found.mask[~found.has_tumor].any()
    assert 0 <= found.doubt <= 1
    assert ((found.slice_doubt >= 0) & (found.slice_doubt <= 1)).all()


def column_stages(batch):
    """Stages whose map is the middle slice's FLAIR where they look, brighter by where it lies: mirroring shows."""
    middle = batch[..., batch.shape[-1] // 2].astype(np.float32) / 255
    place = np.linspace(0.5, 1, batch.shape[2], dtype=np.float32)
    return {"tumor_probability": middle.mean(axis=(1, 2)), "mask_probability": middle * place}


@pytest.mark.parametrize("neighbors", [0, 1])
def test_views_are_of_every_slice_and_the_mirror_image_is_turned_back(neighbors):
    image = np.random.default_rng(1).integers(0, 256, (37, 6, 8, 3), dtype=np.uint8)
    seen = views(column_stages, column_stages, Scan("p", "DU", image, None), neighbors)
    flair, place = image[..., 1] / 255, np.linspace(0.5, 1, 8)
    assert seen.tumor_probability == pytest.approx(flair.mean(axis=(1, 2)))
    assert seen.mask_probability == pytest.approx(flair * place)
    assert seen.mirrored == pytest.approx(flair * place[::-1])


def test_stages_that_look_at_the_mirror_image_themselves_are_asked_once():
    image = np.random.default_rng(1).integers(0, 256, (37, 6, 8, 3), dtype=np.uint8)
    asked = []

    def stages(batch):
        asked.append(len(batch))
        return column_stages(batch)

    seen = views(stages, None, Scan("p", "DU", image, None), 0)
    assert sum(asked) == 37
    assert seen.mirrored is None
    assert np.array_equal(seen.mean, seen.mask_probability)
