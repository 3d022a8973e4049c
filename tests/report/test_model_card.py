"""The model card: what it states, and which missing numbers it refuses."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
from made_up_run import HASH, made_up_run, over_confident
from report_pages import page_of, section

from components.common.errors import UserError
from components.report.model_card import HEADLINE, write_card

pytest_plugins = ["run_fixtures"]


@pytest.fixture
def run(changeable):
    return changeable


def card_of(run, folder):
    write_card(folder / "model_card.md", run)
    return (folder / "model_card.md").read_text(encoding="utf-8")


def test_the_card_states_what_the_model_is_and_is_not(run, tmp_path):
    card = card_of(run, tmp_path)
    for heading in ("The model", "Intended use", "Out of scope", "Data and its licence", "Metrics", "Limits", "Ethics"):
        assert f"\n## {heading}\n" in card
    assert "**not for diagnosis**" in card
    assert HASH in card
    assert "| parameters, moving averages included | 16 | 16 |" in card
    layered = run.metrics["layered"]
    interval = f"{layered['volume_dice_mean_low95']:.3f} to {layered['volume_dice_mean_high95']:.3f}"
    assert f"| {layered['volume_dice_mean']:.3f} | {interval} | 0 | {run.params.gate.min_volume_dice:.2f} |" in card


def test_every_table_row_has_as_many_cells_as_its_header(run, tmp_path):
    width = None
    for line in card_of(run, tmp_path).splitlines():
        cells = line.count("|") if line.startswith("|") else None
        assert width is None or cells in (None, width), line
        width = cells


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    assert card_of(run, tmp_path) == card_of(run, tmp_path)


@pytest.mark.parametrize("metric", HEADLINE)
@pytest.mark.parametrize("value", [None, math.nan, KeyError])
def test_a_missing_number_raises_and_is_named(run, tmp_path, metric, value):
    group, name = metric
    if value is KeyError:
        del run.metrics[group][name]
    else:
        run.metrics[group][name] = value
    with pytest.raises(UserError, match=rf"^reports/details.json: {group}\.{name} could not be measured") as error:
        card_of(run, tmp_path)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_all_missing_numbers_are_named_together(run, tmp_path):
    run.metrics["classifier"] |= {"auroc": None, "specificity": None}
    with pytest.raises(UserError, match=r"classifier\.auroc, classifier\.specificity could not"):
        card_of(run, tmp_path)


SOURCES = {
    "synthetic": (None, "of no real person"),
    "kaggle_3m": ("TCGA_DU_7298_19910324", "CC BY-NC-SA 4.0"),
    "of the TCIA itself": ("TCGA-DU-7298", "ask whoever gave the scans"),
    "other": ("sub-01", "ask whoever gave the scans"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_licence_depends_on_the_scans(run, tmp_path, source):
    name, words = SOURCES[source]
    if name:
        run.metrics["data"] = "scans"
        run = replace(run, manifest=run.manifest.assign(patient=name))
    card = card_of(run, tmp_path)
    assert {phrase for _, phrase in SOURCES.values() if phrase in card} == {words}
    assert ("SYNTHETIC" in card) == (name is None)


def test_imagenet_weights_are_mentioned_only_if_used(run, tmp_path):
    assert "ImageNet" not in card_of(run, tmp_path)
    path = run.artifacts / "classifier" / "network.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"none"', '"imagenet"'), encoding="utf-8")
    try:
        assert "ImageNet" in card_of(run, tmp_path)
    finally:
        path.write_text(text, encoding="utf-8")


def with_start(run):
    """The same run, with a segmenter that started from a model that had started from the reference model."""
    record = copy.deepcopy(run.record)
    record["made_from"]["segmenter"] |= {"start": "5" * 64, "started_from": ["own/weights/v1", "reference"]}
    return replace(run, record=record)


def test_a_starting_network_is_named_with_its_licence(run, tmp_path):
    row = "| started from | no trained network | {} |"
    before = card_of(run, tmp_path)
    assert row.format("no trained network") in before
    assert "started from a trained network" not in before
    card = card_of(with_start(run), tmp_path)
    assert row.format("own/weights/v1, from reference") in card
    assert "The segmenter started from a trained network, own/weights/v1, which started from reference, and so" in card
    assert "CC BY-NC-SA 4.0" in card
    assert "CC BY-NC-SA 4.0" not in before


def test_the_page_names_a_starting_network_with_its_hash(run, tmp_path):
    assert "5" * 64 not in page_of(run, tmp_path)
    page = section(page_of(with_start(run), tmp_path), "versions")
    assert "The segmenter started from a trained network, own/weights/v1, which started from reference, and so" in page
    assert f"segmenter start {'5' * 64}" in page


def test_the_verdict_and_findings_come_before_the_model(tmp_path, tiny_params):
    card = card_of(made_up_run(tmp_path / "run", tiny_params, model=over_confident), tmp_path)
    assert card.index("**NOT BLESSED**") < card.index("OVER-CONFIDENT") < card.index("## The model")
    assert "- Refused: " in card


def test_smoothing_along_a_scan_is_described_if_the_model_has_it(run, tmp_path):
    assert "smooth" not in card_of(run, tmp_path)
    run.record["tumor_smoothing"] = {"sigma": 1.5, "temperature": 1.21, "threshold": 0.437}
    card = card_of(run, tmp_path)
    assert "\n\nWithin a scan, stage 1 weighs each slice together with those beside it" in card
    for value in ("1.5 slices", "1.210", "0.437"):
        assert value in card, value
    assert "stage 1's smoothing and the 3-D processing, is in" in card
    assert "(standard deviation 1.5 slices, temperature 1.21," in card
    page = section(page_of(run, tmp_path), "detection")
    assert "the threshold, 0.437" in page
