"""The stages of dvc.yaml: each binds parameters and paths of one step. Heavy imports wait until a stage runs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from components.files import atomic_folder, plain_path, write_json
from components.params import Params
from components.registry.names import PUSHED

DEMO = Path("data/demo")
SCANS = Path("data/scans")
MANIFEST = Path("data/manifest.csv")
PROBLEMS = Path("data/problems.csv")
SPLITS = Path("data/splits.csv")
LEDGER = Path("data/ledger.csv")
EXAMPLES = Path("data/examples")
VALIDATION = Path("data/validation")
ARTIFACTS = Path("artifacts")
LAYERED = ARTIFACTS / "layered"
PREDICTIONS = ARTIFACTS / "predictions"
BLESSING = ARTIFACTS / "blessing"
METRICS = Path("reports/metrics.json")
REPORT = Path("reports/report.html")
PLOTS = Path("reports/plots")
CARD = Path("reports/model_card.md")
LIVE = Path("reports/training")


def demo(params: Params) -> None:
    """Write the synthetic patients."""
    from components.sources.demo import write_demo

    knobs = params.demo
    write_demo(DEMO, patients=knobs.patients, slices=knobs.slices, size=knobs.size, seed=params.seed)


def ingest(params: Params) -> None:
    """Read the source into scans and a manifest."""
    from components.ingest import ingest
    from components.sources.reading import Options

    knobs = params.ingest
    ingest(
        params.source,
        SCANS,
        MANIFEST,
        PROBLEMS,
        policy=knobs.policy,
        options=Options(knobs.size, knobs.spacing, knobs.channels),
        patients=knobs.patients,
        workers=knobs.workers,
    )


def split(params: Params) -> None:
    """Split the patients and audit the split."""
    from components.deal import Rule
    from components.split import split
    from components.tables import SIDES

    knobs = params.split.model_dump()
    audit = {name: knobs.pop(name) for name in ("near", "look_alikes")}
    table = split(MANIFEST, SPLITS, LEDGER, Rule(**knobs, seed=params.seed), **audit)
    counts = table["split"].value_counts()
    print("patients: " + ", ".join(f"{side} {counts[side]}" for side in SIDES))


def convert(params: Params) -> None:
    """Write the TFRecord shards with Beam."""
    from components.convert import convert

    knobs = params.convert
    neighbors = max(params.classifier.neighbors, params.segmenter.neighbors)
    convert(SCANS, SPLITS, EXAMPLES, **knobs.model_dump(), neighbors=neighbors)


def validate(params: Params) -> None:
    """Check the examples with TFX, and the sides for drift."""
    from components import validate
    from pipelines import local, training

    examples = training.import_examples(plain_path(EXAMPLES))
    nodes = training.data_validation(examples.outputs["result"], validate.SCHEMA)
    with local.run("validate", [examples, *nodes], params.convert.beam_args_here) as outputs:
        found = {"statistics": "StatisticsGen", "anomalies": "ExampleValidator"}
        inspect(params, **{output: outputs.path(node, output) for output, node in found.items()})


def inspect(params: Params, statistics: Path, anomalies: Path) -> None:
    """Keep what TFX found in the examples, look for drift between the sides, then fail on an anomaly."""
    from components import drift, validate
    from components.tables import read_manifest, read_splits

    sides = drift.between_sides(read_manifest(MANIFEST), read_splits(SPLITS), params.drift.level)
    with atomic_folder(VALIDATION) as part:
        shutil.copytree(statistics, part / "statistics")
        shutil.copytree(anomalies, part / "anomalies")
        sides.to_csv(part / "drift.csv", index=False)
    validate.check(VALIDATION / "anomalies")
    validate.check_drift(sides, params.drift.action)


def train(params: Params, network: str) -> None:
    """Train one network with the TFX Trainer; keep its SavedModel, weights and history."""
    from components.train import forget, train
    from components.training.devices import cluster, require_gpu

    require_gpu(params.training.gpu)  # before TFX is imported, and anything is read
    if cluster()[0]:  # another worker writes; this one lends its devices
        files = [[str(EXAMPLES / f"Split-{side}" / "*")] for side in ("train", "val")]
        train(network, params, files[0], files[1], ARTIFACTS / network)
        return
    from pipelines import local, training

    examples = training.import_examples(plain_path(EXAMPLES))
    trainer = training.trainer(network, examples.outputs["result"], params, live=str(LIVE / network))
    with (
        local.run(f"train-{network}", [examples, trainer], params.convert.beam_args_here) as outputs,
        atomic_folder(ARTIFACTS / network) as part,
    ):
        shutil.copytree(outputs.path(trainer.id, "model"), part, dirs_exist_ok=True)
        shutil.copytree(outputs.path(trainer.id, "model_run"), part, dirs_exist_ok=True)
    forget(network, params)


def assemble(params: Params) -> None:
    """Choose the thresholds and write the layered model."""
    from components.assemble import assemble
    from components.sources.reading import Options

    knobs = params.ingest
    record = assemble(
        ARTIFACTS / "classifier",
        ARTIFACTS / "segmenter",
        SCANS,
        SPLITS,
        LAYERED,
        **params.assemble.model_dump(),
        slices=Options(knobs.size, knobs.spacing, knobs.channels),
    )
    print(f"thresholds: tumour {record['tumor_threshold']:.4f}, mask {record['mask_threshold']:.2f}")


def evaluate(params: Params) -> None:
    """Measure slices with the TFX Evaluators, and patients with the layered model."""
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
        judge(params, **{network: outputs.path(node.id, "evaluation") for network, node in found})


def judge(params: Params, **evaluations: Path) -> None:
    """Measure patients with the layered model; write metrics and the verdict.

    Args:
        evaluations: what the TFX Evaluator wrote about each network.
    """
    from components import evaluate, gate, slice_metrics
    from components.judgement import judge

    tfma = {network: slice_metrics.read_metrics(folder) for network, folder in evaluations.items()}
    refusals = [line for network, folder in evaluations.items() for line in slice_metrics.refusals(network, folder)]
    knobs = params.convert
    evaluate.evaluate(LAYERED, SCANS, SPLITS, PREDICTIONS, beam_args=knobs.beam_args, storage=knobs.storage)
    metrics, verdict = judge(
        params, layered=LAYERED, predictions=PREDICTIONS, scans=SCANS, splits=SPLITS, manifest=MANIFEST, tfma=tfma,
        refusals=refusals,
    )  # fmt: skip
    gate.write_blessing(BLESSING, verdict)
    write_json(METRICS, metrics)
    print("\n".join([verdict["verdict"], *verdict["reasons"], *metrics["findings"]]))


def report(params: Params) -> None:
    """Write the curves, the page and the model card of the run."""
    from components.report.curves import write_plots
    from components.report.model_card import write_card
    from components.report.page import write_page
    from components.report.run import read_run

    run = read_run(
        params, metrics=METRICS, verdict=BLESSING / "verdict.json", artifacts=ARTIFACTS, predictions=PREDICTIONS,
        scans=SCANS, manifest=MANIFEST, splits=SPLITS, problems=PROBLEMS, drift=VALIDATION / "drift.csv",
    )  # fmt: skip
    write_plots(PLOTS, run)
    write_page(REPORT, run)
    write_card(CARD, run)


def push(params: Params) -> None:
    """Let the TFX Pusher pass the layered model on if the gate blessed it, and register it with its dossier."""
    from components import gate
    from components.prediction import digest
    from components.registry.dossier import Record
    from components.registry.pushed import in_words, write_pushed
    from components.registry.releases import register
    from pipelines import local, training

    run = Record(LAYERED, PREDICTIONS, METRICS, BLESSING / "verdict.json", CARD, Path("params.yaml"))
    model = training.import_model(plain_path(LAYERED), "layered")
    blessing = training.import_blessing(plain_path(BLESSING), gate.is_blessed(BLESSING))
    with tempfile.TemporaryDirectory(prefix="glioflow-push-") as folder:
        pusher = training.pusher(model.outputs["result"], blessing.outputs["result"], folder)
        with local.run("push", [model, blessing, pusher], params.convert.beam_args_here):
            pass
        pushed = sorted(Path(folder).iterdir())
        done = register(pushed[0], run, params.registry.git_remote) if pushed else None
        write_pushed(PUSHED, digest(pushed[0]) if pushed else None, done.version if done else None)
    print(f"push: {in_words(PUSHED)}")
