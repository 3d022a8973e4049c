"""Parameters that have no effect because of another one: setting one of these is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from components.common.params import SCALES, Params
from pipelines.checks.preflight import holds_files
from pipelines.paths import DEMO

# Parameters, the reason in words, and when it holds.
RULES: tuple[tuple[tuple[str, ...], str, Callable[[Params], bool]], ...] = (
    (
        ("classifier.head_epochs", "classifier.head_learning_rate"),
        "classifier.strategy is not frozen_then_finetune",
        lambda chosen: chosen.classifier.strategy != "frozen_then_finetune",
    ),
    (
        ("split.val", "split.test"),
        "split.file decides who is on which side",
        lambda chosen: chosen.split.file is not None,
    ),
    (("split.test",), "split.fold decides who is tested", lambda chosen: chosen.split.fold is not None),
    (("split.test",), "split.holdout_sites decides who is tested", lambda chosen: bool(chosen.split.holdout_sites)),
    (
        ("ingest.size", "ingest.spacing", "ingest.channels"),
        f"the scans of {DEMO} are 2-D images, which are not resampled",
        lambda chosen: Path(chosen.source) == DEMO,
    ),
    (
        ("classifier.augment.thick",),
        "classifier.neighbors is 0",
        lambda chosen: not chosen.classifier.neighbors,
    ),
    (("segmenter.augment.thick",), "segmenter.neighbors is 0", lambda chosen: not chosen.segmenter.neighbors),
    (
        ("segmenter.paste",),
        "segmenter.tumor_share is 1, so no slice without tumour is drawn",
        lambda chosen: chosen.segmenter.tumor_share == 1,
    ),
    (("classifier.weights",), "classifier.start gives the weights", lambda chosen: chosen.classifier.start is not None),
    (("segmenter.weights",), "segmenter.start gives the weights", lambda chosen: chosen.segmenter.start is not None),
    (("gate.margin",), "there is no champion", lambda chosen: not holds_files(chosen.gate.champion)),
    (("demo",), f"source is not {DEMO}", lambda chosen: Path(chosen.source) != DEMO),
    (
        ("training.xla",),
        "training.deterministic is true, and TensorFlow promises nothing of the kind under XLA",
        lambda chosen: chosen.training.deterministic and chosen.training.xla == "auto",
    ),
    (("convert.storage",), "Beam's workers run here", lambda chosen: not _elsewhere(chosen.convert.beam_args)),
)


def notes(parameters: Iterable[str], chosen: Params) -> Iterator[str]:
    """Yield a sentence for each of these parameters that has no effect on a run with the chosen ones."""
    for parameter in parameters:
        scale = parameter.rpartition(".")[2]
        if scale in SCALES and scale != chosen.scale:
            yield f"{parameter} has no effect: scale is {chosen.scale}"
        for names, reason, holds in RULES:
            if holds(chosen) and any(f"{parameter}.".startswith(f"{name}.") for name in names):
                yield f"{parameter} has no effect: {reason}"
                break


def _elsewhere(flags: list[str]) -> bool:
    return not {"--runner=FnApiRunner", "--runner=DirectRunner"} & set(flags)
