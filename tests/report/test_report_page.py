"""The page: what stands on top, and that it comes out whatever could not be measured."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_run import all_background, good, made_up_run, made_up_scan, names, over_confident, write_run

from components.common.tables import PROBLEM_COLUMNS
from components.report.page import write_page
from components.report.patient_section import refer_words
from components.report.run_data import read_run

pytest_plugins = ["finished_run"]

SECTIONS = [
    *("verdict", "numbers", "learning", "patients", "cohorts", "end-to-end", "detection", "refer", "gallery"),
    *("champion", "tfx", "data", "parameters", "versions"),
]


def page_of(run, folder):
    write_page(folder / "report.html", run)
    return (folder / "report.html").read_text(encoding="utf-8")


def seen(page):
    """The text that a reader sees, in order."""
    body = re.sub(r"<style>.*?</style>|<head>.*?</head>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def section(page, name):
    return seen(re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)[1])


@pytest.fixture(scope="module")
def page(finished, tmp_path_factory):
    return page_of(finished, tmp_path_factory.mktemp("page"))


def test_sections_come_in_order_and_the_contents_list_them_all(page):
    assert re.findall(r'<(?:section|header) id="([a-z-]+)"', page) == SECTIONS
    assert re.findall(r'<li><a href="#([a-z-]+)"', page) == SECTIONS


def test_headline_numbers_stand_with_interval_floor_and_what_the_gate_asks_for(finished, page):
    layered = finished.metrics["layered"]
    row = next(r for r in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "Volume Dice, mean over patients" in r)
    low, high = layered["volume_dice_mean_low95"], layered["volume_dice_mean_high95"]
    cells = f"{layered['volume_dice_mean']:.3f} {low:.3f} to {high:.3f} 0 {finished.params.gate.min_volume_dice:.2f}"
    assert seen(row).endswith(cells)


def test_every_patient_has_a_bar_best_first_and_the_referred_are_marked(finished, page):
    bars = re.findall(r'<li( class="referred")?><span class="who">(\w+)', page)
    table = finished.scores["on"].sort_values(["volume_dice", "patient"], ascending=[False, True])
    assert [name for _, name in bars] == table["patient"].tolist()
    marked = {name for mark, name in bars if mark}
    assert marked == set(table.loc[table["doubt"] >= 0.2, "patient"])
    assert 0 < len(marked) < len(table)


def test_the_refer_list_is_the_most_doubtful_first(finished, page):
    listed = re.findall(r"DEMO_\w+", section(page, "refer"))
    table = finished.scores["on"].query("doubt >= 0.2").sort_values(["doubt", "patient"], ascending=[False, True])
    assert listed == table["patient"].tolist()


def test_the_same_run_gives_the_same_bytes(finished, page, tmp_path):
    assert page_of(finished, tmp_path) == page


def test_the_page_forbids_itself_any_network(page):
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_scans_are_called_so_in_the_title_on_top_and_in_every_section_with_numbers(
    tmp_path, tiny_params, synthetic
):
    text = page_of(made_up_run(tmp_path / "run", tiny_params, synthetic=synthetic), tmp_path)
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    with_tag = [one for one in headings if "synthetic" in one]
    assert len(with_tag) == (len(headings) - 1 if synthetic else 0)  # but for the parameters
    assert ("SYNTHETIC" in seen(text)) == synthetic
    assert ("synthetic" in re.search("<title>(.*?)</title>", text)[1]) == synthetic


MODELS = {
    "leaky": ({"leaky": True}, "LEAK: the model was trained or chosen on 1 of the 10 tested persons"),
    "over-confident": ({"model": over_confident}, "The masks are OVER-CONFIDENT"),
    "all background": ({"model": all_background}, "The model draws NOTHING"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_bad_model_is_called_so_in_words_before_any_number(tmp_path, tiny_params, name):
    arguments, sentence = MODELS[name]
    run = made_up_run(tmp_path / "run", tiny_params, **arguments)
    text = seen(page_of(run, tmp_path))
    findings = [one for one in run.metrics["findings"] if one in text]
    assert findings == run.metrics["findings"]
    assert any(one.startswith(sentence) for one in findings)
    before = text[: text.index(sentence)]
    for one in findings:
        before = before.replace(one, "")
    assert not re.search(r"\d", before), before
    assert text.index("NOT BLESSED") < text.index(sentence) < text.index("The gate refuses")


def test_a_good_model_is_not_called_any_of_that(page):
    assert not any(sentence in seen(page) for _, sentence in MODELS.values())


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
