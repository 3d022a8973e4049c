"""The page comes out whatever could not be measured, and says so."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_run import good, made_up_run, made_up_scan, names, write_run
from report_pages import page_of, section, seen

from components.common.tables import PROBLEM_COLUMNS
from components.report.patient_section import refer_words
from components.report.run_data import read_run

pytest_plugins = ["finished_run"]


def test_without_empty_slices_there_is_no_roc_and_the_page_says_so(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=slice(None)) for name in names(4)]
    text = page_of(made_up_run(tmp_path / "run", tiny_params, scans), tmp_path)
    assert "ROC of the classifier Not measured: it takes slices with tumour and slices without." in seen(text)
    assert re.search(r"AUROC of slices not measured 95\W%: not measured", section(text, "numbers"))


def test_without_a_tumour_patient_there_is_no_dice_and_the_page_says_so(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=None) for name in names(3)]
    text = page_of(made_up_run(tmp_path / "run", tiny_params, scans), tmp_path)
    assert "Volume Dice, mean not measured" in section(text, "numbers")
    assert "Not measured: no test patient has a tumour in the reference." in section(text, "patients")
    assert "(nothing is drawn)" in section(text, "patients")
    assert "Not measured: no test patient has a tumour" in section(text, "refer")


def test_one_patient_alone_has_no_interval(tmp_path, tiny_params):
    text = page_of(made_up_run(tmp_path / "run", tiny_params, [made_up_scan(names(1)[0])]), tmp_path)
    assert re.search(r"Volume Dice, mean 1\.000 95\W%: not measured finding", section(text, "numbers"))
    assert "the worst" not in section(text, "gallery")


def test_nobody_referred_is_said(changeable, tmp_path):
    changeable.metrics["doubt"]["refer_at_doubt"] = 2.0
    text = page_of(changeable, tmp_path)
    assert "Nobody is referred." in section(text, "refer")
    assert 'class="referred"' not in text


def test_a_training_without_a_history_is_said(tmp_path, tiny_params):
    arguments = write_run(tmp_path / "run", tiny_params, [made_up_scan(name) for name in names(3)])
    (arguments["artifacts"] / "classifier" / "history.csv").unlink()
    text = page_of(read_run(**arguments), tmp_path)
    assert section(text, "learning").count("Not measured: the training left no history.") == 2


def worse(scan, number):
    """Draws everything two pixels further away than `good`."""
    said, drawn = good(scan, number)
    return said, np.roll(drawn, 2, axis=2)


@pytest.mark.parametrize(("candidate", "champion", "relation"), [(good, worse, "higher"), (worse, good, "lower")])
def test_the_champion_is_compared_in_words_numbers_and_dots(tmp_path, tiny_params, candidate, champion, relation):
    run = made_up_run(tmp_path / "run", tiny_params, model=candidate, champion=champion)
    text = page_of(run, tmp_path)
    found = run.metrics["champion"]
    said = section(text, "champion")
    assert f"the candidate's volume Dice is {abs(found['mean']):.3f} {relation} on average than the champion's" in said
    assert (f"p = {found['p_value']:.3f}" if found["p_value"] >= 0.001 else "p below 0.001") in said
    assert ("NOT certain enough" in said) == (relation == "lower")
    means = [float(f"{one['volume_dice'].mean():.3f}") for one in (run.with_tumor, run.champion)]
    assert [float(value) for value in re.findall(r"(?:Candidate|Champion) (\d\.\d{3})", said)] == means
    assert re.findall(r'title="champion (\d\.\d{3})', text) == [
        f"{run.champion.set_index('patient')['volume_dice'][name]:.3f}" for name in run.with_tumor["patient"]
    ]


def test_a_champion_that_was_trained_on_the_tested_is_told_as_refused(changeable, tmp_path):
    check = {"subject": "against the champion", "metric": "", "value": None, "floor": None, "passed": False}
    changeable.verdict["checks"].append({**check, "reason": "the test set has changed"})
    assert "The test set has changed." in section(page_of(changeable, tmp_path), "champion")


def test_what_ingest_found_is_counted_by_kind_and_action(changeable, tmp_path):
    rows = [("blank", "warn", f"P{i}", f"P{i}", "nothing on slice 1", "harmless") for i in (1, 2)]
    rows.append(("gap", "quarantine", "P3", "P3", "slice 4 is missing", "add it"))
    run = replace(changeable, problems=pd.DataFrame(rows, columns=PROBLEM_COLUMNS))
    said = section(page_of(run, tmp_path), "data")
    assert "blank warn 2 2 harmless at the ends" in said
    assert "gap quarantine 1 1 add the missing slices" in said


def test_names_from_the_source_are_text_and_never_markup(changeable, tmp_path):
    evil = '<img src=x onerror="alert(1)">'
    run = replace(changeable, manifest=changeable.manifest.assign(site=evil))
    run.metrics["findings"].append(evil)
    text = page_of(run, tmp_path)
    assert evil not in text
    assert html.escape(evil, quote=False).replace('"', "&#34;") in text


def test_88_patients_of_noise_with_twelve_pictures_stay_below_15_mb(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=slice(1, 2), size=256, slices=2) for name in names(88)]
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
            "The list holds 2 of 4 patients with a volume Dice below 0.7. A list of that length drawn at random would "
            "hold 20\N{NO-BREAK SPACE}% of them, and as many as this with p = 0.133.",
        ),
    ],
)
def test_whether_the_refer_list_catches_the_errors_is_said_in_words(changeable, doubt, words):
    changeable.metrics["doubt"] |= doubt
    assert refer_words(changeable)[-1] == words
