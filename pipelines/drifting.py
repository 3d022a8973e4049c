"""`glioflow drift`: compare a new batch of scans with the training set."""

from __future__ import annotations

from pathlib import Path

import click

from components.common import params
from components.common.files import atomic_file, must_exist


def run(new: str, against: str, *, model: str | None, sample: int, level: float | None, out: str | None) -> int:
    """Print the comparison; returns 1 if something has drifted, else 0."""
    must_exist(new)
    from components.registry.resolve import model_folder
    from components.sources.reading import Options
    from components.studies.new_scans import drift
    from components.validate.drift import FEW, found, show

    chosen = params.load()
    knobs = chosen.ingest
    table, compared, unreadable = drift(
        new,
        Path(against),
        level=level or chosen.drift.level,
        options=Options(knobs.size, knobs.spacing, knobs.channels),
        model=model_folder(model) if model else None,
        sample=sample,
        workers=knobs.workers,
    )
    if out:
        with atomic_file(out) as part:
            table.to_csv(part, index=False)
    click.echo(show(table))
    for line in unreadable:
        click.echo(f"left out: {line}")
    drifted = found(table)
    for line in drifted:
        click.echo(f"drift: {line}")
    few = table["drift"].eq("too few patients").any()
    verdict = (
        f"too few to tell, {FEW} are needed"
        if few
        else f"{len(drifted)} feature(s) have drifted"
        if drifted
        else "no drift"
    )
    click.echo(f"{compared} new patient(s) compared: {verdict}")
    return 1 if drifted else 0
