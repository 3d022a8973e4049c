"""`glioflow tune`: search for better parameters of one training."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from components.common import params
from components.common.errors import UserError
from components.common.files import atomic_file
from pipelines.paths import ARTIFACTS, EXAMPLES

SPACE = Path(__file__).with_name("tune.yaml")
TABLES = Path("reports/tuning")


def run(network: str, *, trials: int, space: str | None) -> None:
    """Search, write the table of all trials, and print the best with the switches that set them."""
    from components.studies.search import parse_space, search

    chosen, file = params.load(), Path(space) if space else SPACE
    if not EXAMPLES.is_dir():
        raise UserError(f"{EXAMPLES}: not here; run `dvc repro validate` first")
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{file}: not readable as YAML; correct it") from error
    if not isinstance(tree, dict) or not tree.get(network):
        raise UserError(f"{file}: has nothing for {network}; see {SPACE.name} for an example")
    checked = parse_space(tree[network], str(file))
    table = search(network, chosen, checked, EXAMPLES, ARTIFACTS / "tuning" / f"{network}.journal", trials=trials)
    target = TABLES / f"{network}.csv"
    with atomic_file(target) as part:
        table.to_csv(part, index=False)
    click.echo(table.head(5).to_string(index=False, float_format="{:.4g}".format))
    best = table.iloc[0]
    switches = " ".join(f"-S {network}.{knob}={_written(best[knob])}" for knob in checked)
    click.echo(f"\nall {len(table)} trials: {target}\ntrain with the best: glioflow run {switches}")


def _written(value: object) -> str:
    return "null" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
