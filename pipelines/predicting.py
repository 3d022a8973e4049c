"""`glioflow predict` and `glioflow score`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from components.common.files import must_exist


def run(
    inputs: tuple[str, ...],
    model: str,
    out: str,
    *,
    engine: str | None = None,
    overlays: bool,
    doubt: bool,
    resume: bool,
    beam_args: list[str],
    storage: str | None,
) -> int:
    """Predict, write the tables, print a summary; returns 1 if a patient failed or a scan has no patient, else 0."""
    from components.predict.output_checks import check_empty

    folder = Path(out)
    for address in inputs:
        must_exist(address)
    check_empty(folder, resume)
    layered = chosen_model(model, engine)
    from components.predict import results
    from components.predict.run_options import RunOptions
    from components.predict.work import opened

    options = RunOptions(engine, doubt, overlays)
    with opened(inputs, folder, layered, options, resume=resume) as work:
        problems = [problem for source in work.sources for problem in source.problems]
        for problem in problems:
            if not problem.lost:  # those fail, and are reported with the others at the end
                click.echo(f"warn: {problem}")
        if not beam_args:
            from components.predict import local_run as here

            here.predict(work, folder, layered)
        else:
            from components.predict import beam_run

            beam_run.predict(work, folder, layered, beam_args, storage)
        results.write_lost(folder, problems)
        rows = results.gather(folder)
    for row in rows:
        if row["status"] == results.FAILED:
            click.echo(f"failed: {row['patient']}: {row['notes']}")
    status = Counter(row["status"] for row in rows)
    words = [f"{status[results.DONE]} patients predicted"]
    words += [f"{work.skipped} of them before"] if work.skipped else []
    words += [f"{len(work.stale)} anew, whose scan or options had changed"] if work.stale else []
    words += [f"{work.others} of an earlier run, in none of these inputs"] if work.others else []
    words += [f"{sum(bool(row.get('tumor_slices')) for row in rows)} with tumour"]
    words += [f"{sum(bool(row.get('refer')) for row in rows)} to look at first"] if doubt else []
    words += [f"{status[results.FAILED]} FAILED"] if status[results.FAILED] else []
    click.echo(f"{', '.join(words)}: {folder / results.PREDICTIONS}")
    return 1 if status[results.FAILED] else 0


def chosen_model(model: str, engine: str | None) -> Path:
    """Return the folder of a model; warns if it is of a version that runs slowly."""
    from components.layered.litert_files import has_litert
    from components.layered.record import read_record
    from components.registry.resolve import model_folder

    layered = model_folder(model, engine)
    if not has_litert(layered, read_record(layered)) and engine is None:
        click.echo(
            f"warn: {model}: of a version that wrote no LiteRT files, so TensorFlow runs it, which is slower and takes "
            "long to start; assemble it again to change that"
        )
    return layered


def score(predictions: str, truth: str, model: str | None) -> str:
    """Return the metrics as JSON."""
    for address in (predictions, truth):
        must_exist(address)
    from components.predict import score as scoring
    from components.registry.resolve import model_folder

    scores = scoring.score(Path(predictions), truth, model_folder(model) if model else None)
    if scores["other_scans"]:
        click.echo(
            f"warn: {truth}: scans that are not, voxel by voxel, those that were predicted: {scores['other_scans']}; "
            "if they are other examinations, predict these",
            err=True,
        )
    return json.dumps(scores, indent=2, allow_nan=False)
