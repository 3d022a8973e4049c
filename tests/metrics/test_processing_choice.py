"""How the processing of masks is chosen on validation patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.metrics.choice import CANDIDATES, Choice, candidate_dice
from components.metrics.components3d import Processing, keep_components
from components.metrics.mask_scores import dice

SPACING = (5.0, 3.0, 3.0)  # a voxel is 0.045 ml
masks = arrays(bool, (3, 6, 7), elements=st.sampled_from([True, False, False]))


@settings(max_examples=60, deadline=None)
@given(masks, masks)
def test_candidate_scores_match_actually_processing_the_mask(reference, prediction):
    if not reference.any():
        assert Choice.of(reference, prediction, SPACING).patients == 0
        return
    expected = [
        dice(reference, keep_components(prediction, SPACING, min_ml=c.min_ml, largest=c.largest)) for c in CANDIDATES
    ]
    assert candidate_dice(reference, prediction, SPACING) == pytest.approx(expected)


def test_the_grid_goes_from_the_least_processing_to_the_most():
    assert CANDIDATES[0] == Processing(largest=False, min_ml=0)
    assert [c.min_ml for c in CANDIDATES] == [0, 0.05, 0.1, 0.25]
    assert not any(c.largest for c in CANDIDATES)


def patient(tumour, *others):
    """A reference of `tumour` voxels, found in full, and a false blob of each size in `others`."""
    reference = np.zeros((2 + 2 * len(others), 10, 10), bool)
    reference[0].ravel()[:tumour] = True
    prediction = reference.copy()
    for at, size in enumerate(others):
        prediction[2 + 2 * at].ravel()[:size] = True
    return reference, prediction, SPACING


def chosen(*patients):
    return sum((Choice.of(*one) for one in patients), Choice())


def test_with_nothing_to_gain_no_processing_is_chosen():
    assert chosen(patient(40), patient(90)).best() == Processing()
    assert Choice().best() == Processing()


def test_specks_are_removed_by_the_smallest_sufficient_size():
    assert chosen(patient(40, 2), patient(90, 1)).best() == Processing(min_ml=0.1)  # 2 voxels are 0.09 ml


def test_processing_that_may_help_by_chance_is_not_chosen():
    """For gains g, 0 and 0, the mean is g / 3, and so is its standard error: sqrt(2 g^2 / 9 / 2)."""
    assert chosen(patient(40, 2), patient(40), patient(40)).best() == Processing()
    assert chosen(patient(40, 2), patient(40, 1), patient(40)).best() == Processing(min_ml=0.1)


def best_of(*rows):
    """The minimum size chosen, given each patient's Dice under each candidate."""
    dice = np.array(rows)
    squares = ((dice - dice[:, :1]) ** 2).sum(axis=0)
    return Choice(len(dice), dice.sum(axis=0), (dice == 0).sum(axis=0), squares, len(dice)).best().min_ml


def test_a_gain_has_to_exceed_its_standard_error():
    def gaining(*gains):
        return [[0.5, 0.5, 0.5, 0.5 + gain] for gain in gains]

    assert best_of(*gaining(0.1, 0.1, -0.04)) == 0.25  # mean 0.0533, standard error 0.0467
    assert best_of(*gaining(0.1, 0.1, -0.06)) == 0  # mean 0.0467, standard error 0.0533
    assert best_of(*gaining(0.1, -0.01)) == 0  # mean 0.045, standard error 0.055
    assert best_of(*gaining(0.1, 0.01)) == 0.25
    assert best_of(*gaining(0.1)) == 0  # one patient has no standard error
    assert best_of(*gaining(0.1, 0.1)) == 0.25


def test_examinations_of_one_person_are_no_evidence_of_several():
    """Two persons who gain g and 0: with three examinations each, the mean equals its standard error as with one."""
    gaining, same = Choice.of(*patient(40, 2)), Choice.of(*patient(40))
    assert sum([gaining] * 3 + [same] * 2, Choice()).best() == Processing(min_ml=0.1)
    persons = [Choice.of_person([gaining] * 3), Choice.of_person([same] * 2)]
    found = sum(persons, Choice())
    assert (found.best(), found.patients, found.persons) == (Processing(), 5, 2)
    assert found.table()["volume_dice_mean"].iloc[-1] == 1
    alone = Choice.of_person([gaining] * 9)
    assert (alone.best(), alone.patients, alone.persons) == (Processing(), 9, 1)
    assert Choice.of_person([Choice.of(*patient(0, 30))]).persons == 0
    once = Choice.of_person([gaining])
    assert all(np.array_equal(value, vars(gaining)[name]) for name, value in vars(once).items())


def test_squares_are_of_the_gain_over_no_processing():
    gain = 1 - 80 / 81
    assert Choice.of(*patient(40, 1)).squares == pytest.approx([0, gain**2, gain**2, gain**2])


def test_no_candidate_may_lose_a_patient_found_without_processing():
    helped = [[0.5, 0.8, 0.8, 0.8]] * 20
    assert best_of(*helped, [0.5, 0.0, 0.0, 0.0]) == 0
    assert best_of(*helped, [0.5, 0.0, 0.0, 0.5]) == 0.25
    assert best_of(*helped, [0.5, 0.5, 0.5, 0.0]) == 0.05
    assert best_of(*helped, [0.0, 0.0, 0.0, 0.0]) == 0.05


def test_processing_that_erases_a_tumour_is_never_chosen():
    helped = [patient(40, 5)] * 9
    assert chosen(*helped).best() == Processing(min_ml=0.25)  # 5 voxels are 0.225 ml
    assert chosen(*helped, patient(5)).best() == Processing()
    assert chosen(*helped, patient(6)).best() == Processing(min_ml=0.25)


def test_a_tumour_smaller_than_a_false_blob_is_not_sacrificed():
    patients = [patient(40, 30), patient(90, 25), patient(5, 25)]
    choice = chosen(*patients)
    table = choice.table().set_index("min_ml")
    assert not choice.best().largest
    assert table.loc[0, "patients_at_zero"] == 0
    assert table.loc[0, "volume_dice_mean"] == pytest.approx((80 / 110 + 180 / 205 + 10 / 35) / 3)
    assert table.loc[0.25, "patients_at_zero"] == 1  # 5 voxels are 0.225 ml, and are removed
    assert (table["patients"] == 3).all()


def test_order_and_merging_do_not_matter():
    patients = [patient(40, 2, 7), patient(3), patient(20, 25), patient(9, 1, 1, 1), patient(70, 69)]
    one = chosen(*patients)
    other = chosen(*patients[3:]) + chosen(*patients[:3][::-1])
    assert other.patients == one.patients == 5
    assert other.total == pytest.approx(one.total)
    assert (other.lost == one.lost).all()
    assert other.squares == pytest.approx(one.squares)
    assert other.best() == one.best()


def test_rounding_errors_do_not_break_a_tie():
    nudged = np.full(len(CANDIDATES), 2.0)
    nudged[-1] += 1e-12
    assert Choice(3, nudged, persons=3).best() == Processing()


def test_a_patient_without_tumour_is_not_counted():
    reference, prediction, spacing = patient(0, 30)
    assert Choice.of(reference, prediction, spacing).patients == 0
    assert Choice().table()["volume_dice_mean"].isna().all()
