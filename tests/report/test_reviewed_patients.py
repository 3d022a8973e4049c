"""Patients whose references a human has reviewed: a cohort of their own, in the report as in the model card."""

from __future__ import annotations

import re

import pytest
from made_up_run import TRAINED, made_up_run, names
from report_pages import page_of, section, seen

from components.report.model_card import write_card

BY = "0123456789ab Dr. Gold"
CORRECTED, ACCEPTED = names(10)[:4], names(10)[4:6]
REVIEWED = dict.fromkeys(CORRECTED, ("corrected", BY)) | dict.fromkeys([*ACCEPTED, TRAINED[0]], ("accepted", BY))


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_params):
    return made_up_run(tmp_path_factory.mktemp("reviewed"), tiny_params, reviewed=REVIEWED)


def test_each_decision_is_a_cohort_with_the_mean_of_its_own_patients(run, tmp_path):
    table = run.scores["on"].set_index("patient")["volume_dice"]
    others = table.index.difference([*CORRECTED, *ACCEPTED])
    page = page_of(run, tmp_path)
    for value, patients in (("corrected", CORRECTED), ("accepted", ACCEPTED), ("not reviewed", others)):
        (row,) = (one for one in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if re.search(rf">\s*{value}\s*<", one))
        assert f"{len(patients)}" in seen(row).split()
        assert f"{table[patients].mean():.3f}" in seen(row)
    assert "Reviewed reference" in section(page, "cohorts")


def test_the_data_section_and_the_card_name_the_review_and_the_sides_of_its_patients(run, tmp_path):
    words = (
        "Review 0123456789ab by Dr. Gold: 4 references corrected, 3 accepted as they were; "
        "1 in train, 0 in val, 6 in test."
    )
    assert words in section(page_of(run, tmp_path), "data")
    write_card(tmp_path / "card.md", run)
    assert words in " ".join((tmp_path / "card.md").read_text(encoding="utf-8").split())


def test_where_nobody_has_reviewed_there_is_no_such_cohort(finished, tmp_path):
    page = seen(page_of(finished, tmp_path))
    assert "Reviewed reference" not in page
    assert "Dr. Gold" not in page


pytest_plugins = ["finished_run"]
