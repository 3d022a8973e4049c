"""Setting a parameter that has no effect because of another one is reported, and only then."""

from __future__ import annotations

import pytest
import yaml
from changed_params import params_with
from conftest import tiny_tree

from components.common.errors import UserError
from pipelines.checks import ineffective_parameters
from pipelines.runs import workflow


@pytest.mark.parametrize(
    ("parameter", "reason", "without_effect", "with_effect"),
    [
        ("classifier.head_epochs", "classifier.strategy is not frozen_then_finetune", {}, {
            "classifier__strategy": "frozen_then_finetune", "classifier__weights": "imagenet", "classifier__epochs": 9,
        }),
        ("split.test", "split.fold decides who is tested", {"split__fold": 1}, {}),
        ("split.test", "split.holdout_sites decides who is tested", {"split__holdout_sites": ["AA"]}, {}),
        ("split.val", "split.file decides who is on which side", {"split__file": "own.csv"}, {"split__fold": 1}),
        ("demo.patients", "source is not data/demo", {"source": "scans"}, {"source": "data/demo/"}),
        ("ingest.size", "the scans of data/demo are 2-D images, which are not resampled", {}, {"source": "scans"}),
        ("segmenter.epochs.full", "scale is demo", {}, {"scale": "full"}),
        ("training.xla", "training.deterministic is true, and", {}, {"training__deterministic": False}),
        ("convert.storage", "Beam's workers run here", {}, {"convert__beam_args": ["--runner=DataflowRunner"]}),
        ("segmenter.augment.thick", "segmenter.neighbors is 0", {}, {"segmenter__neighbors": 1}),
        ("segmenter.paste", "segmenter.tumor_share is 1", {"segmenter__tumor_share": 1.0}, {}),
        ("classifier.weights", "classifier.start gives the weights", {"classifier__start": "reference"}, {}),
        ("segmenter.weights", "segmenter.start gives the weights", {"segmenter__start": "reference"}, {}),
        ("gate.margin", "there is no champion", {}, {"gate__champion": "used"}),
    ],
)  # fmt: skip
def test_a_parameter_is_reported_only_where_it_has_no_effect(
    tmp_path, monkeypatch, parameter, reason, without_effect, with_effect
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "used" / "model").mkdir(parents=True)
    (note,) = ineffective_parameters.notes([parameter], params_with(**without_effect))
    assert note.startswith(f"{parameter} has no effect: {reason}")
    assert [*ineffective_parameters.notes([parameter], params_with(**with_effect))] == []


def test_a_parameter_that_only_starts_like_an_inert_one_is_not_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [
        *ineffective_parameters.notes(
            ["seed", "split.near", "split.tests", "classifier.dropout"], params_with(split__fold=1)
        )
    ] == []


def test_setting_an_inert_parameter_reports_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    assert workflow.apply(["classifier.head_epochs=7", "classifier.dropout=0.3"])[1] == [
        "classifier.head_epochs: 4 -> 7",
        "classifier.dropout: 0.2 -> 0.3",
        "classifier.head_epochs has no effect: classifier.strategy is not frozen_then_finetune",
    ]


def test_a_network_that_never_sees_a_tumour_is_refused():
    assert params_with(segmenter__tumor_share=0.1)
    with pytest.raises(UserError, match=r"^params\.yaml: segmenter\.tumor_share: "):
        params_with(segmenter__tumor_share=0)
