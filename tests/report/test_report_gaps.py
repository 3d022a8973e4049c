"""The report page is written even if something could not be measured, and says so."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_run import good, made_up_run, made_up_scan, names_of_patients, write_run
from report_pages import page_of, section, visible_text

from components.common.errors import UserError
from components.common.tables import PROBLEM_COLUMNS
from components.report.patient_section import refer_words
from components.report.run_data import read_run

pytest_plugins = ["run_fixtures"]


def test_without_empty_slices_there_is_no_roc_and_the_page_says_so(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=slice(None)) for name in names_of_patients(4)]
    text = page_of(made_up_run(tmp_path / "run", tiny_params, scans), tmp_path)
    assert "ROC of the classifier Not measured: it takes slices with tumour and slices without." in visible_text(text)
    assert re.search(r"AUROC of slices not measured 95\W%: not measured", section(text, "numbers"))


def test_without_a_tumour_patient_there_is_no_dice_and_the_page_says_so(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=None) for name in names_of_patients(3)]
    text = page_of(made_up_run(tmp_path / "run", tiny_params, scans), tmp_path)
    assert "Volume Dice, mean not measured" in section(text, "numbers")
    assert "Not measured: no test patient has a tumour in the reference." in section(text, "patients")
    assert "(nothing is drawn)" in section(text, "patients")
    assert "Not measured: no test patient has a tumour" in section(text, "refer")


def test_one_patient_alone_has_no_interval(tmp_path, tiny_params):
    text = page_of(made_up_run(tmp_path / "run", tiny_params, [made_up_scan(names_of_patients(1)[0])]), tmp_path)
    assert re.search(r"Volume Dice, mean 1\.000 95\W%: not measured finding", section(text, "numbers"))
    assert "the worst" not in section(text, "gallery")


def test_an_empty_refer_list_is_reported(changeable, tmp_path):
    changeable.metrics["doubt"]["refer_at_doubt"] = 2.0
    text = page_of(changeable, tmp_path)
    assert "Nobody is referred." in section(text, "refer")
    assert 'class="referred"' not in text


def test_a_training_without_a_history_is_reported(tmp_path, tiny_params):
    arguments = write_run(tmp_path / "run", tiny_params, [made_up_scan(name) for name in names_of_patients(3)])
    (arguments["artifacts"] / "classifier" / "history.csv").unlink()
    text = page_of(read_run(**arguments), tmp_path)
    assert section(text, "learning").count("Not measured: the training left no history.") == 2


@pytest.mark.parametrize(
    ("table", "stage"),
    [("predictions/patients.csv", "evaluate"), ("predictions/slices.csv", "evaluate"), ("problems.csv", "ingest")],
)
def test_a_missing_table_names_the_stage_that_writes_it(tmp_path, tiny_params, table, stage):
    arguments = write_run(tmp_path, tiny_params, [made_up_scan(name) for name in names_of_patients(3)])
    (tmp_path / table).unlink()
    with pytest.raises(UserError, match=rf"{table}: not readable as a table; run `dvc repro {stage}`$"):
        read_run(**arguments)


def worse(scan, number):
    """Like `good`, but with all masks shifted by two more pixels."""
    reported, masks = good(scan, number)
    return reported, np.roll(masks, 2, axis=2)


@pytest.mark.parametrize(("candidate", "champion", "relation"), [(good, worse, "higher"), (worse, good, "lower")])
def test_the_champion_is_compared_in_words_numbers_and_dots(tmp_path, tiny_params, candidate, champion, relation):
    run = made_up_run(tmp_path / "run", tiny_params, model=candidate, champion=champion)
    text = page_of(run, tmp_path)
    found = run.metrics["champion"]
    reported = section(text, "champion")
    assert (
        f"the candidate's volume Dice is {abs(found['mean']):.3f} {relation} on average than the champion's" in reported
    )
    assert (f"p = {found['p_value']:.3f}" if found["p_value"] >= 0.001 else "p below 0.001") in reported
    assert ("NOT certain enough" in reported) == (relation == "lower")
    means = [float(f"{one['volume_dice'].mean():.3f}") for one in (run.with_tumor, run.champion)]
    assert [float(value) for value in re.findall(r"(?:Candidate|Champion) (\d\.\d{3})", reported)] == means
    assert re.findall(r'title="champion (\d\.\d{3})', text) == [
        f"{run.champion.set_index('patient')['volume_dice'][name]:.3f}" for name in run.with_tumor["patient"]
    ]


def test_a_champion_refused_for_a_changed_test_set_is_reported(changeable, tmp_path):
    check = {"subject": "against the champion", "metric": "", "value": None, "floor": None, "passed": False}
    changeable.verdict["checks"].append({**check, "reason": "the test set has changed"})
    assert "The test set has changed." in section(page_of(changeable, tmp_path), "champion")


def test_problems_found_by_ingest_are_counted_by_kind_and_action(changeable, tmp_path):
    rows = [("blank", "warn", f"P{i}", f"P{i}", "nothing on slice 1", "harmless") for i in (1, 2)]
    rows.append(("gap", "quarantine", "P3", "P3", "slice 4 is missing", "add it"))
    run = replace(changeable, problems=pd.DataFrame(rows, columns=PROBLEM_COLUMNS))
    reported = section(page_of(run, tmp_path), "data")
    assert "blank warn 2 2 harmless at the ends" in reported
    assert "gap quarantine 1 1 add the missing slices" in reported


def test_names_from_the_source_are_escaped_as_text(changeable, tmp_path):
    markup = '<img src=x onerror="alert(1)">'
    run = replace(changeable, manifest=changeable.manifest.assign(site=markup))
    run.metrics["findings"].append(markup)
    text = page_of(run, tmp_path)
    assert markup not in text
    assert html.escape(markup, quote=False).replace('"', "&#34;") in text


def test_a_report_of_88_noisy_patients_stays_below_15_mb(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=slice(1, 2), size=256, slices=2) for name in names_of_patients(88)]
    run = made_up_run(tmp_path / "run", tiny_params, scans)
    text = page_of(run, tmp_path)
    assert text.count('class="scan"') == 12
    assert (tmp_path / "report.html").stat().st_size < 15e6


@pytest.mark.parametrize(
    ("doubt", "words"),
    [
        ({"errors": 0}, "No patient has a volume Dice below 0.7, so there was no error to catch."),
        ({"errors": 3, "referred": 0}, "The list holds none of 3 patients with a volume Dice below 0.7."),
        (
            {"errors": 4, "referred": 3, "caught": 2, "chance": 0.2, "p_value": 0.1333},
            "The list holds 2 of 4 patients with a volume Dice below 0.7. A random list of that length would hold "
            "20\N{NO-BREAK SPACE}% of them on average, and at least as many as this one with p = 0.133.",
        ),
    ],
)
def test_what_the_refer_list_catches_is_put_into_words(changeable, doubt, words):
    changeable.metrics["doubt"] |= doubt
    assert refer_words(changeable)[-1] == words
