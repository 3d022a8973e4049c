"""`glioflow adopt`: reviewed masks into a source, and what to do next."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path

import click

from components.common.errors import UserError
from components.common.files import must_exist
from components.common.tables import read_splits
from components.common.yaml_text import read_yaml
from components.scans.identity import subject_of
from pipelines.paths import SPLITS

STAGES = Path("dvc.yaml")


def run(reviewed: str, into: str, *, scans: str | None, test_too: bool) -> None:
    """Adopt, and print what was adopted and what comes next."""
    must_exist(reviewed)
    if "://" in into or Path(into).is_file():
        raise UserError(f"{into}: masks can be adopted into a folder of this machine alone; unpack or fetch it first")
    target = Path(into).resolve()
    _check_not_made(target)
    from components.adopt.adoption import adopt
    from pipelines.runs.workflow import alone

    splits = {}
    if SPLITS.is_file():
        table = read_splits(SPLITS)
        splits = dict(zip(table["patient"].map(subject_of), table["split"], strict=True))
    with alone("adopt") if STAGES.is_file() else nullcontext():
        done = adopt(Path(reviewed), target, scans=scans, test_too=test_too, splits=splits)
    click.echo(
        f"review {done.name}: {done.corrected} corrected and {done.accepted} accepted masks are in {into}; "
        f"{done.new} patients are new, {done.train_only} masks are for training alone"
    )
    if done.replaced_in_test:
        click.echo(
            f"warn: references of {done.replaced_in_test} test patients were replaced; scores before and after "
            "are of different references"
        )
    place = shlex.quote(into)
    click.echo(f"next: dvc add {place} && git add {place}.dvc && git commit -m 'Review {done.name}'")
    click.echo(f"then: glioflow run --source {place}")


def _check_not_made(target: Path) -> None:
    """Refuse a folder that a stage makes: its next run would undo the change."""
    stages = read_yaml(STAGES, "gone").get("stages", {}) if STAGES.is_file() else {}
    for name, stage in stages.items():
        outs = stage.get("outs", stage.get("do", {}).get("outs", []))
        for out in outs:
            path = Path(out if isinstance(out, str) else next(iter(out))).resolve()
            if target == path or path in target.parents:
                raise UserError(
                    f"{target}: the stage {name} makes it, and would undo the change; copy it, and adopt there"
                )
