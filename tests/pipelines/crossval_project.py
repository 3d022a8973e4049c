"""A project whose only stage is a cheap `evaluate`, to test what `glioflow crossval` does around the folds."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import yaml
from conftest import tiny_tree
from dvc_project import run

from components.common.layout import PATIENTS, SLICES
from components.metrics.mask_scores import patient_scores

PATIENT_NAMES = [f"p{number}" for number in range(7)]
# Like a training, it leaves a checkpoint behind if it is stopped or fails.
STAGE = """\
import json, os, pathlib, sys, yaml

project = pathlib.Path(sys.argv[1])
params = yaml.safe_load(pathlib.Path("params.yaml").read_text())
split = params["split"]
checkpoint = pathlib.Path(params["training"]["checkpoints"], "segmenter")
with open(project / "ran.txt", "a") as ran:
    ran.write(f"{split['fold']} of {split['folds']}{' resumed' if checkpoint.exists() else ''}\\n")
checkpoint.parent.mkdir(parents=True, exist_ok=True)
checkpoint.touch()
if str(split["fold"]) in (project / "failing.txt").read_text().split():
    sys.exit("this fold fails")
if str(split["fold"]) in (project / "waiting.txt").read_text().split():
    (project / "begun").write_text(str(os.getpid()))
    (project / "never").read_text()
checkpoint.unlink()
out = pathlib.Path("artifacts/predictions")
out.mkdir(parents=True)
for table in pathlib.Path("../everyone").iterdir():
    head, *rows = table.read_text().splitlines()
    chosen = [row for row in rows if int(row[1]) % split["folds"] == (split["fold"] or 0)]
    (out / table.name).write_text("\\n".join([head, *chosen]) + "\\n")
pathlib.Path("reports").mkdir(exist_ok=True)
pathlib.Path("reports/metrics.json").write_text(json.dumps(split))
"""


def write_project(folder):
    """Write the project and run its stage once, with the split of params.yaml."""
    (folder.parent / "everyone").mkdir()
    folder.mkdir()
    for name, table in zip((PATIENTS, SLICES), score_tables(), strict=True):
        table.to_csv(folder.parent / "everyone" / name, index=False)
    evaluate = {
        "cmd": f"python stage.py {folder}",
        "params": ["split"],
        "deps": ["stage.py", "../everyone"],
        "outs": ["artifacts/predictions"],
        "metrics": [{"reports/metrics.json": {"cache": False}}],
    }
    (folder / "stage.py").write_text(STAGE, encoding="utf-8")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"evaluate": evaluate}}), encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    fail(folder)
    wait(folder)
    run(folder, "dvc init -q --no-scm")
    run(folder, "dvc repro -q")
    (folder / "ran.txt").unlink()


def fail(folder, *folds):
    """Make these folds fail from now on."""
    (folder / "failing.txt").write_text(" ".join(map(str, folds)), encoding="utf-8")


def wait(folder, *folds):
    """Make these folds wait forever from now on; each writes its process id to the pipe `begun`."""
    (folder / "waiting.txt").write_text(" ".join(map(str, folds)), encoding="utf-8")
    for pipe in ("begun", "never") if folds else ():
        os.mkfifo(folder / pipe)


def folds_run(folder):
    """Return the folds that ran, rather than came from DVC's cache, since the last call."""
    file = folder / "ran.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def score_tables():
    """Return scores of all patients' masks and slices, as `evaluate` writes them, better from patient to patient."""
    patients, slices = [], []
    for number, patient in enumerate(PATIENT_NAMES):
        truth, predicted = np.zeros((2, 2, 8, 8), bool)
        truth[1, 0], predicted[1, 0, : number + 1] = True, True
        scores = patient_scores(truth, predicted, (1.0, 1.0, 1.0))
        patients += [{"patient": patient, "gate": gate, **scores} for gate in ("on", "off", "unprocessed")]
        for slice_, has_tumor in enumerate((0, 1)):
            probability = 0.5 * has_tumor + number / 20
            slices.append(
                {"patient": patient, "slice": slice_, "has_tumor": has_tumor, "tumor_probability": probability}
            )
    return pd.DataFrame(patients), pd.DataFrame(slices)
