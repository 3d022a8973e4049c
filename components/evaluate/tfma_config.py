"""Slice-level evaluation with TFMA: what the TFX Evaluator measures for each network, and how to read its results."""

from __future__ import annotations

from pathlib import Path

import tensorflow_model_analysis as tfma
from google.protobuf import text_format

from components.common.params.decisions import Gate
from components.evaluate.gate import Check

# Features by which TFMA slices the data, in addition to the overall slice.
COHORTS = ("site", "missing_pre", "missing_post")


def eval_config(network: str, gate: Gate) -> tfma.EvalConfig:
    """What to measure for `network` ("classifier" or "segmenter"), with the gate's floors as thresholds."""
    if network == "classifier":
        spec = "signature_name: 'examples' prediction_key: 'tumor_probability' label_key: 'has_tumor'"
        floor = _threshold("AUC", gate.min_auroc, config='"name": "auroc", "num_thresholds": 10000')
        others = "metrics { class_name: 'AUCPrecisionRecall' config: '\"name\": \"pr_auc\"' }"
        others += " metrics { class_name: 'ExampleCount' }"
    else:
        spec = "signature_name: 'evaluate' prediction_key: 'predicted' label_key: 'tumor_pixels'"
        floor = _threshold("PooledDice", gate.min_pooled_dice, module="components.evaluate.tfma_dice")
        others = "metrics { class_name: 'ExampleCount' }"
    slices = "slicing_specs {}" + "".join(f" slicing_specs {{ feature_keys: '{cohort}' }}" for cohort in COHORTS)
    text = f"model_specs {{ {spec} }} {slices} metrics_specs {{ {floor} {others} }}"
    return text_format.Parse(text, tfma.EvalConfig())


def _threshold(class_name: str, floor: float, *, config: str = "", module: str = "") -> str:
    """Text proto of a metric with a lower bound on the overall slice only (`threshold` would apply to every slice)."""
    bound = f"value_threshold {{ lower_bound {{ value: {floor} }} }}"
    per_slice = f"per_slice_thresholds {{ slicing_specs {{}} threshold {{ {bound} }} }}"
    where = f"module: '{module}'" if module else ""
    return f"metrics {{ class_name: '{class_name}' {where} config: '{config}' {per_slice} }}"


def read_metrics(folder: str | Path) -> dict[str, dict[str, float]]:
    """Metrics from an Evaluator's output, by cohort: {"overall": {"auroc": ..}, "site=DU": {..}}, to six decimals.

    Beam sums floats in an order that varies between runs, which shows in the later digits.
    """
    result = tfma.load_eval_result(str(folder))
    table = {}
    for key, outputs in result.slicing_metrics:
        name = ", ".join(f"{feature}={value}" for feature, value in key) or "overall"
        values = outputs[""][""]
        table[name] = {
            metric: round(value["doubleValue"], 6) for metric, value in sorted(values.items()) if "doubleValue" in value
        }
    return dict(sorted(table.items(), key=lambda item: (item[0] != "overall", item[0])))


def refusals(network: str, folder: str | Path) -> list[Check]:
    """What the Evaluator's own validation rejected, as failed checks; empty if it blessed the network."""
    result = tfma.load_validation_result(str(folder))
    refused = []
    for per_slice in result.metric_validations_per_slice:
        for failure in per_slice.failures:
            value = failure.metric_value
            measured = value.double_value.value if value.HasField("double_value") else None
            floor = failure.metric_threshold.value_threshold.lower_bound.value
            refused.append(Check(f"{network} (TFX Evaluator)", failure.metric_key.name, measured, floor, False))
    if not result.validation_ok and not refused:
        refused.append(Check(f"{network} (TFX Evaluator)", "validation", None, None, False))
    return refused
