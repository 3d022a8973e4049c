"""Stage evaluate: slices with the TFX Evaluators, patients with the layered model, then the verdict."""

from __future__ import annotations

from pathlib import Path

from components.common.files import write_json
from components.common.params import Params
from components.common.plain_path import plain_path
from pipelines.paths import (
    ARTIFACTS,
    BLESSING,
    DETAILS,
    EXAMPLES,
    LAYERED,
    MANIFEST,
    METRICS,
    PREDICTIONS,
    SCANS,
    SPLITS,
)


def run(params: Params) -> None:
    """Measure on the test patients; give the verdict."""
    from pipelines import local, training

    networks = ("classifier", "segmenter")
    examples = training.import_examples(plain_path(EXAMPLES))
    models = [training.import_model(plain_path(ARTIFACTS / network), network) for network in networks]
    evaluators = [
        training.evaluator(network, examples.outputs["result"], model.outputs["result"], params)
        for network, model in zip(networks, models, strict=True)
    ]
    with local.run("evaluate", [examples, *models, *evaluators], params.convert.beam_args_here) as outputs:
        found = zip(networks, evaluators, strict=True)
        after_tfx(params, **{network: outputs.path(node.id, "evaluation") for network, node in found})


def after_tfx(params: Params, **evaluations: Path) -> None:
    """Measure patients with the layered model; write metrics and the verdict.

    Args:
        evaluations: output of the TFX Evaluator for each network.
    """
    from components.evaluate.gate import write_blessing
    from components.evaluate.stage import evaluate
    from components.evaluate.summary import headline
    from components.evaluate.tfma_config import read_metrics, refusals
    from components.evaluate.verdict import decide_verdict

    tfma = {network: read_metrics(folder) for network, folder in evaluations.items()}
    refused = [line for network, folder in evaluations.items() for line in refusals(network, folder)]
    convert = params.convert
    evaluate(LAYERED, SCANS, SPLITS, PREDICTIONS, beam_args=convert.beam_args, storage=convert.storage)
    metrics, verdict = decide_verdict(
        params, layered=LAYERED, predictions=PREDICTIONS, scans=SCANS, splits=SPLITS, manifest=MANIFEST, tfma=tfma,
        refusals=refused,
    )  # fmt: skip
    write_blessing(BLESSING, verdict)
    write_json(DETAILS, metrics)
    write_json(METRICS, headline(metrics))
    print("\n".join([verdict["verdict"], *verdict["reasons"], *metrics["findings"]]))
