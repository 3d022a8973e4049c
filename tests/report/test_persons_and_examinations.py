"""Several examinations of one person: report and card say how many persons and how many examinations there are."""

from __future__ import annotations

from made_up_run import good, made_up_run, made_up_scan
from report_pages import page_of, section, visible_text

from components.report.model_card import write_card

pytest_plugins = ["run_fixtures"]


def test_persons_are_named_beside_examinations_where_the_two_differ(tmp_path, tiny_params):
    names = [f"DEMO_{'AB'[i % 2] * 2}_{100 + i % 6}_2020010{i // 6 + 1}" for i in range(10)]
    run = made_up_run(
        tmp_path / "run", tiny_params, [made_up_scan(name) for name in names], champion=lambda *one: good(*one)
    )
    page = page_of(run, tmp_path)
    assert "10 test examinations of 6 persons, 10 of them with tumour" in section(page, "numbers")
    assert "The 10 test examinations are of 6 persons." in visible_text(page)
    assert "On the same 6 persons (10 examinations) with tumour" in visible_text(page)
    assert "5 (3 persons)" in section(page, "cohorts")
    write_card(tmp_path / "card.md", run)
    card = " ".join((tmp_path / "card.md").read_text(encoding="utf-8").split())
    assert "It was tested on 6 persons (10 examinations) with tumour" in card
    assert "| 5 (3 persons) |" in card


def test_with_one_examination_each_nothing_is_said_of_persons(finished, tmp_path):
    page = page_of(finished, tmp_path)
    assert "test examinations" not in visible_text(page)
    assert "10 test patients, " in section(page, "numbers")
    assert "persons)" not in section(page, "cohorts")
