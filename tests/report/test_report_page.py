"""The report page of a finished run: its contents and their order."""

from __future__ import annotations

import re

import pytest
from made_up_run import all_background, made_up_run, made_up_scan, names_of_patients, over_confident
from report_pages import page_of, section, visible_text

pytest_plugins = ["run_fixtures"]


@pytest.fixture(scope="module")
def page(finished, tmp_path_factory):
    return page_of(finished, tmp_path_factory.mktemp("page"))


SECTIONS = [
    *("verdict", "numbers", "learning", "patients", "cohorts", "end-to-end", "detection", "refer", "gallery"),
    *("champion", "tfx", "data", "parameters", "versions"),
]


def test_sections_come_in_order_and_the_contents_list_them_all(page):
    assert re.findall(r'<(?:section|header) id="([a-z-]+)"', page) == SECTIONS
    assert re.findall(r'<li><a href="#([a-z-]+)"', page) == SECTIONS


def test_headline_numbers_come_with_interval_floor_and_gate_threshold(finished, page):
    layered = finished.metrics["layered"]
    row = next(r for r in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "Volume Dice, mean over patients" in r)
    low, high = layered["volume_dice_mean_low95"], layered["volume_dice_mean_high95"]
    cells = f"{layered['volume_dice_mean']:.3f} {low:.3f} to {high:.3f} 0 {finished.params.gate.min_volume_dice:.2f}"
    assert visible_text(row).endswith(cells)


def test_patients_have_bars_best_first_and_referred_ones_are_marked(finished, page):
    bars = re.findall(r'<li( class="referred")?><span class="who">(\w+)', page)
    table = finished.scores["on"].sort_values(["volume_dice", "patient"], ascending=[False, True])
    assert [name for _, name in bars] == table["patient"].tolist()
    marked = {name for mark, name in bars if mark}
    assert marked == set(table.loc[table["doubt"] >= 0.2, "patient"])
    assert 0 < len(marked) < len(table)


def test_the_refer_list_is_sorted_by_doubt(finished, page):
    listed = re.findall(r"DEMO_\w+", section(page, "refer"))
    table = finished.scores["on"].query("doubt >= 0.2").sort_values(["doubt", "patient"], ascending=[False, True])
    assert listed == table["patient"].tolist()


def test_the_same_run_gives_the_same_bytes(finished, page, tmp_path):
    assert page_of(finished, tmp_path) == page


def test_the_page_forbids_any_network_access(page):
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_scans_are_labelled_in_title_and_sections_with_numbers(tmp_path, tiny_params, synthetic):
    text = page_of(made_up_run(tmp_path / "run", tiny_params, synthetic=synthetic), tmp_path)
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    with_tag = [one for one in headings if "synthetic" in one]
    assert len(with_tag) == (len(headings) - 1 if synthetic else 0)  # all but the parameters
    assert ("SYNTHETIC" in visible_text(text)) == synthetic
    assert ("synthetic" in re.search("<title>(.*?)</title>", text)[1]) == synthetic


MODELS = {
    "leaky": ({"leaky": True}, "LEAK: the model was trained or chosen on 1 of the 10 tested persons"),
    "over-confident": ({"model": over_confident}, "The masks are OVER-CONFIDENT"),
    "all background": ({"model": all_background}, "The model finds NOTHING"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_bad_model_is_reported_in_words_before_any_number(tmp_path, tiny_params, name):
    arguments, sentence = MODELS[name]
    run = made_up_run(tmp_path / "run", tiny_params, **arguments)
    text = visible_text(page_of(run, tmp_path))
    findings = [one for one in run.metrics["findings"] if one in text]
    assert findings == run.metrics["findings"]
    assert any(one.startswith(sentence) for one in findings)
    before = text[: text.index(sentence)]
    for one in findings:
        before = before.replace(one, "")
    assert not re.search(r"\d", before), before
    assert text.index("NOT BLESSED") < text.index(sentence) < text.index("The gate refuses")


def test_a_good_model_gets_none_of_these_findings(page):
    assert not any(sentence in visible_text(page) for _, sentence in MODELS.values())


def test_volume_errors_are_reported_by_size_smallest_first(tiny_params, tmp_path):
    ends = zip(names_of_patients(3), (4, 20, 39), strict=True)
    scans = [made_up_scan(name, size=160, slices=40, tumor=slice(2, end)) for name, end in ends]
    words = section(page_of(made_up_run(tmp_path, tiny_params, scans), tmp_path), "patients")
    small, medium, large = (words.index(size) for size in ("Small, below 10 ml: 1", "Medium, 10 to 30", "Large, above"))
    assert small < medium < large
    assert "1 patient, mean volume Dice 1.000; the volume is off by 0 % on average." in words.replace("\xa0", " ")
