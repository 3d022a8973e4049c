"""`glioflow crossval`: run the workflow once per fold, and pool all patients."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from components.common import params
from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder, write_json
from components.common.yaml_text import read_yaml
from pipelines import paths
from pipelines.checks.known_patients import check_tested
from pipelines.checks.library_checks import check_libraries
from pipelines.processes.run_lock import alone
from pipelines.runs.run_summary import number
from pipelines.runs.workflow import PARAMS, check, dvc, require_repository
from pipelines.runs.workspace import Workspace

WORKSPACE = Path(".dvc/tmp/crossval")
RESULT = Path("reports/crossval.json")
TABLE = Path("reports/crossval.csv")


def run(folds: int | None) -> int:
    """Run every fold that DVC has not cached yet, pool the patients, print and write the result.

    Folds run in a workspace of their own, which is removed afterwards: a fold's networks, metrics and choices never
    become the project's. No other run may work here meanwhile, because training runs share the machine's memory and
    GPUs.

    Returns:
        0, or 2 if a fold failed; on a restart, the folds before it only have to be copied.

    Raises:
        UnderWayError: another run is working here.
    """
    require_repository()
    with alone("crossval"):
        tree = read_yaml(PARAMS, "not here; run glioflow inside the project")
        chosen = params.parse(tree, str(PARAMS))
        params.check_paths(tree)
        if chosen.split.holdout_sites or chosen.split.file:
            raise UserError(
                f"{PARAMS}: split.holdout_sites and split.file exclude folds; clear them for a cross-validation"
            )
        check(chosen, tree)
        check_tested(chosen, everybody=True)
        check_libraries(chosen, trained=False)
        count = folds or chosen.split.folds
        workspace = Workspace(WORKSPACE)
        finished = []
        for fold in range(count):
            click.echo(f"fold {fold + 1} of {count}")
            workspace.set(_values(chosen.training, fold, count))
            if workspace.run(dvc(), "repro", "evaluate"):
                return 2
            target = paths.FOLDS / f"fold-{fold}"
            with atomic_folder(target) as part:
                shutil.copytree(workspace.folder / paths.PREDICTIONS, part, dirs_exist_ok=True)
            finished.append(target)
        from components.studies.pooled_folds import pool

        result, patients = pool(finished, chosen.seed)
        write_json(RESULT, result)
        with atomic_file(TABLE) as part:
            patients.to_csv(part, index=False)
        workspace.remove()
    click.echo("\n" + _shown(result))
    return 0


def _values(training: params.Training, fold: int, count: int) -> dict[str, object]:
    """A fold's parameters: its test patients, and its own folders, which other training runs would otherwise clear."""
    return {
        "split.folds": count,
        "split.fold": fold,
        "training.cache": f"{training.cache}/crossval",
        "training.checkpoints": f"{training.checkpoints.rstrip('/')}/crossval/{fold}-of-{count}",
    }


def _shown(result: dict) -> str:
    layered = result["layered"]
    spread = "  (95 % interval {} to {})".format(
        *(number(layered[f"volume_dice_mean_{end}95"]) for end in ("low", "high"))
    )
    tested = str(layered["patients"])
    if layered["persons"] != layered["patients"]:
        tested += f" examinations of {layered['persons']} persons"
    rows = [
        ("Patients", f"{tested}, each tested once"),
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
