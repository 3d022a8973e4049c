"""`glioflow tune`: search for better parameters of one training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from components.common import params
from components.common.errors import UserError
from components.common.files import atomic_file
from components.common.yaml_text import read_yaml
from components.studies.space import Space, check_space, parse_space
from pipelines.paths import ARTIFACTS, EXAMPLES
from pipelines.run_lock import alone

SPACE = Path(__file__).with_name("tune.yaml")
TABLES = Path("reports/tuning")


def run(network: str, *, trials: int, space: str | None) -> None:
    """Search, write the table of all trials, and print the best with the switches that set them.

    Raises:
        UnderWayError: another run is working here, which would change the examples or compete for the machine's memory.
    """
    chosen, file = params.load(), Path(space) if space else SPACE
    if not EXAMPLES.is_dir():
        raise UserError(f"{EXAMPLES}: not here; run `dvc repro validate` first")
    tree = read_yaml(file, f"no such file; give a search space, see {SPACE.name} for an example")
    if not isinstance(tree, dict) or not tree.get(network):
        raise UserError(f"{file}: has nothing for {network}; see {SPACE.name} for an example")
    checked = parse_space(tree[network], str(file))
    check_space(checked, chosen, network)
    with alone("tune"):
        from components.studies.search import search

        rows = search(network, chosen, checked, EXAMPLES, ARTIFACTS / "tuning" / f"{network}.journal", trials=trials)
    table, target = pd.DataFrame(rows, dtype=object), TABLES / f"{network}.csv"
    with atomic_file(target) as part:
        table.to_csv(part, index=False)
    click.echo(table.head(5).to_string(index=False, float_format="{:.4g}".format))
    click.echo(f"\nall {len(table)} trials: {target}\n{_advice(network, rows[0], checked)}")


def _advice(network: str, best: dict[str, Any], space: Space) -> str:
    if best["score"] is None:
        return "no trial came as far as the end of an epoch: nothing to recommend; try other ranges"
    if best["state"] == "diverged":
        return "every trial that came as far as the end of an epoch diverged: try lower learning rates"
    return (
        f"train with the best: glioflow run {' '.join(f'-S {network}.{knob}={_written(best[knob])}' for knob in space)}"
    )


def _written(value: object) -> str:
    """Format a value for -S, to the last digit."""
    return "null" if value is None else str(value)
