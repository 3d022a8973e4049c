"""Patients whose references a human reviewed: their cohorts in the report, and their counts there and on the card."""

from __future__ import annotations

import re

import pytest
from made_up_run import TRAINED, made_up_run, names_of_patients
from report_pages import page_of, section, visible_text

from components.report.model_card import write_card

REVIEW = "0123456789ab Dr. Gold"
CORRECTED, ACCEPTED = names_of_patients(10)[:4], names_of_patients(10)[4:6]
REVIEWED = dict.fromkeys(CORRECTED, ("corrected", REVIEW)) | dict.fromkeys(
    [*ACCEPTED, TRAINED[0]], ("accepted", REVIEW)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_params):
    return made_up_run(tmp_path_factory.mktemp("reviewed"), tiny_params, reviewed=REVIEWED)


def test_each_review_decision_is_a_cohort_with_its_own_mean(run, tmp_path):
    table = run.scores["on"].set_index("patient")["volume_dice"]
    others = table.index.difference([*CORRECTED, *ACCEPTED])
    page = page_of(run, tmp_path)
    for value, patients in (("corrected", CORRECTED), ("accepted", ACCEPTED), ("not reviewed", others)):
        (row,) = (one for one in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if re.search(rf">\s*{value}\s*<", one))
        assert f"{len(patients)}" in visible_text(row).split()
        assert f"{table[patients].mean():.3f}" in visible_text(row)
    assert "Reviewed reference" in section(page, "cohorts")


def test_the_data_section_and_card_count_reviews_by_decision_and_split(run, tmp_path):
    words = (
        "Review 0123456789ab by Dr. Gold: 4 references corrected, 3 accepted as they were; "
        "1 in train, 0 in val, 6 in test."
    )
    assert words in section(page_of(run, tmp_path), "data")
    write_card(tmp_path / "card.md", run)
    assert words in " ".join((tmp_path / "card.md").read_text(encoding="utf-8").split())


def test_without_reviews_there_is_no_reviewed_cohort(finished, tmp_path):
    page = visible_text(page_of(finished, tmp_path))
    assert "Reviewed reference" not in page
    assert "Dr. Gold" not in page


pytest_plugins = ["run_fixtures"]
