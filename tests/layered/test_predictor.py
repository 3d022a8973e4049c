"""Decision, doubt and views of a scan, compared with examples worked out by hand."""

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
    "processing": {"largest": False, "min_ml": 0.002},  # two voxels of one cubic millimetre
}

SPACING = (1.0, 1.0, 1.0)

probabilities = st.floats(0, 1, width=32)


def example_views(slices=3, size=6):
    """A block in the first two slices and a speck in the last; the probabilities of stage 1 are 0.9, 0.5 and 0.2."""
    maps = np.zeros((slices, size, size), np.float32)
    maps[:2, 1:3, 1:3] = 0.8
    maps[2, 5, 5] = 0.4
    return Views(np.array([0.9, 0.5, 0.2], np.float32), maps, maps)


def test_the_decision_of_a_worked_example():
    outputs = example_views()
    found = decide(outputs, SPACING, RECORD)
    assert found.has_tumor.tolist() == [True, True, False]  # exactly at the threshold is enough
    assert found.mask.sum(axis=(1, 2)).tolist() == [4, 4, 0]
    assert found.ungated.sum(axis=(1, 2)).tolist() == [4, 4, 0]  # the speck is too small
    all_pass = decide(outputs, SPACING, RECORD | {"tumor_threshold": 0.1})
    assert all_pass.unprocessed.sum(axis=(1, 2)).tolist() == [4, 4, 1]
    assert all_pass.mask.sum(axis=(1, 2)).tolist() == [4, 4, 0]
    none_pass = decide(outputs, SPACING, RECORD | {"tumor_threshold": 0.95})
    assert not none_pass.mask.any()
    assert none_pass.ungated.sum() == 8


def test_the_doubt_of_a_worked_example():
    found = decide(example_views(), SPACING, RECORD)
    # The mask holds the eight voxels of 0.8 but not the speck of 0.4: 2 * 6.4 / (6.8 + 8).
    assert found.doubt == pytest.approx(1 - 12.8 / 14.8)
    of_mask = 1 - 2 * 3.2 / (3.2 + 4)
    entropy = [-(p * np.log2(p) + (1 - p) * np.log2(1 - p)) for p in (0.9, 0.5, 0.2)]
    assert found.slice_doubt == pytest.approx([max(entropy[0], of_mask), 1, entropy[2]])


def test_a_differing_mirror_image_raises_doubt():
    outputs = example_views()
    disagreeing = Views(outputs.tumor_probability, outputs.mask_probability, np.zeros_like(outputs.mirrored))
    sure, unsure = decide(outputs, SPACING, RECORD), decide(disagreeing, SPACING, RECORD)
    assert unsure.doubt > sure.doubt + 0.2
    assert (unsure.slice_doubt >= sure.slice_doubt).all()
    assert np.array_equal(sure.mask, unsure.mask)  # doubt doesn't change the mask


def test_doubt_uses_the_map_of_a_stage_2_that_mirrors_internally():
    outputs = example_views()
    internally_mirrored = Views(outputs.tumor_probability, outputs.mask_probability)
    found, two_views = decide(internally_mirrored, SPACING, RECORD), decide(outputs, SPACING, RECORD)
    assert found.doubt == two_views.doubt > 0
    assert np.array_equal(found.slice_doubt, two_views.slice_doubt)


@settings(deadline=None)
@given(
    arrays(np.float32, 3, elements=probabilities),
    *(arrays(np.float32, (3, 4, 4), elements=probabilities) for _ in range(2)),
    st.floats(0.05, 0.95),
    st.booleans(),
)
def test_processing_and_stage_1_only_remove_pixels(tumor, maps, mirrored, threshold, largest):
    record = RECORD | {"tumor_threshold": threshold, "processing": {"largest": largest, "min_ml": 0.002}}
    outputs = Views(tumor, maps, mirrored)
    found = decide(outputs, SPACING, record)
    assert np.array_equal(found.unprocessed, unprocessed(outputs, record))
    assert found.doubt == doubt(outputs, SPACING, record)
    assert not (found.mask & ~found.unprocessed).any()
    assert not found.mask[~found.has_tumor].any()
    assert 0 <= found.doubt <= 1
    assert ((found.slice_doubt >= 0) & (found.slice_doubt <= 1)).all()


def column_stages(batch):
    """Stages whose map is the middle slice's FLAIR times a ramp from left to right, so that mirroring changes it."""
    middle = batch[..., batch.shape[-1] // 2].astype(np.float32) / 255
    ramp = np.linspace(0.5, 1, batch.shape[2], dtype=np.float32)
    return {"tumor_probability": middle.mean(axis=(1, 2)), "mask_probability": middle * ramp}


@pytest.mark.parametrize("neighbors", [0, 1])
def test_views_cover_every_slice_and_mirrored_maps_are_flipped_back(neighbors):
    image = np.random.default_rng(1).integers(0, 256, (37, 6, 8, 3), dtype=np.uint8)
    outputs = views(column_stages, column_stages, Scan("p", "DU", image, None), neighbors)
    flair, ramp = image[..., 1] / 255, np.linspace(0.5, 1, 8)
    assert outputs.tumor_probability == pytest.approx(flair.mean(axis=(1, 2)))
    assert outputs.mask_probability == pytest.approx(flair * ramp)
    assert outputs.mirrored == pytest.approx(flair * ramp[::-1])


def test_stages_that_mirror_internally_are_called_once_per_slice():
    image = np.random.default_rng(1).integers(0, 256, (37, 6, 8, 3), dtype=np.uint8)
    batch_sizes = []

    def stages(batch):
        batch_sizes.append(len(batch))
        return column_stages(batch)

    outputs = views(stages, None, Scan("p", "DU", image, None), 0)
    assert sum(batch_sizes) == 37
    assert outputs.mirrored is None
    assert np.array_equal(outputs.mean, outputs.mask_probability)
