"""`glioflow crossval`: the workflow once a fold, and all patients together."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from components.common import params
from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder, write_json
from pipelines import paths
from pipelines.workflow import PARAMS, apply, dvc, number, require_repository

LOCK = Path("dvc.lock")
FOLDS = paths.ARTIFACTS / "crossval"
RESULT = Path("reports/crossval.json")
TABLE = Path("reports/crossval.csv")


def run(folds: int | None) -> int:
    """Run every fold that DVC has not cached yet, pool the patients, print and write the result.

    Returns:
        0, or 2 where a fold failed; started again, the folds before it cost nothing but their copying.
    """
    chosen = params.load(PARAMS)
    if chosen.split.holdout_sites or chosen.split.file:
        raise UserError(
            f"{PARAMS}: split.holdout_sites and split.file exclude folds; clear them for a cross-validation"
        )
    require_repository()
    count = folds or chosen.split.folds
    finished = []
    with _put_back():
        for fold in range(count):
            click.echo(f"fold {fold + 1} of {count}")
            apply([f"split.folds={count}", f"split.fold={fold}"])
            if subprocess.run([dvc(), "repro", "evaluate"], check=False).returncode:
                return 2
            target = FOLDS / f"fold-{fold}"
            with atomic_folder(target) as part:
                shutil.copytree(paths.PREDICTIONS, part, dirs_exist_ok=True)
            finished.append(target)
    from components.studies.pooled_folds import pool

    result, patients = pool(finished, chosen.seed)
    write_json(RESULT, result)
    with atomic_file(TABLE) as part:
        patients.to_csv(part, index=False)
    click.echo("\n" + _shown(result))
    return 0


@contextmanager
def _put_back() -> Iterator[None]:
    """Afterwards params.yaml, dvc.lock and the outputs are as they were."""
    before = {path: path.read_bytes() for path in (PARAMS, LOCK) if path.exists()}
    try:
        yield
    finally:
        for path, text in before.items():
            path.write_bytes(text)
        if LOCK in before:
            subprocess.run([dvc(), "checkout", "--quiet", "--force", "--allow-missing"], check=False)


def _shown(result: dict) -> str:
    layered = result["layered"]
    spread = "  (95 % interval {} to {})".format(
        *(number(layered[f"volume_dice_mean_{end}95"]) for end in ("low", "high"))
    )
    rows = [
        ("Patients", f"{layered['patients']}, each tested once"),
        ("Volume Dice, mean", number(layered["volume_dice_mean"]) + spread),
        ("Volume Dice, median", number(layered["volume_dice_median"])),
        ("Volume Dice, 10th percentile", number(layered["volume_dice_p10"])),
        ("Without stage 1's gate, mean", number(result["segmenter"]["volume_dice_mean"])),
        ("AUROC, mean over folds", number(result["auroc_mean"])),
        *(
            (f"Fold {row['fold']}", f"{row['patients']} patients, volume Dice {number(row['volume_dice_mean'])}")
            for row in result["folds"]
        ),
        ("All patients", str(TABLE)),
    ]
    return "\n".join(f"{name:<32}{value}" for name, value in rows)
