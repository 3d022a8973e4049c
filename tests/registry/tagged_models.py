"""A Git repository whose tags register models of known quality, with only the files that promotion reads."""

from __future__ import annotations

import json
import shutil

import gto  # noqa: F401  closes log handlers; after DVC has wrapped standard error, absl's would close pytest's file
import pytest
from dvc.cli import main as dvc
from dvc_project import run
from layered_choices import CHOICES

from components.common.params.decisions import Gate
from components.evaluate.gate import BLESSED, NOT_BLESSED
from components.layered.record import digest

GATE = Gate(
    **{name: 0 for name in Gate.model_fields if name.startswith("min_")},
    cohort_patients=3,
    champion="champion",
    margin=0.02,
)
PATIENTS = [f"p{i}" for i in range(6)]
LONG_AGO = 1_500_000_000


def dossier(dice, verdict=BLESSED):
    """The part of a dossier that promotion reads, for a model of this volume Dice; one patient has no tumour."""
    return {"verdict": verdict, "scores": {name: dice + i / 100 for i, name in enumerate(PATIENTS)} | {"healthy": None}}


MODELS = {
    "v1.0.0": dossier(0.80),
    "v1.1.0": dossier(0.70),  # worse
    "v1.2.0": dossier(0.90),
    "v1.3.0": dossier(0.95, NOT_BLESSED),
    "v1.4.0": dossier(0.89),  # worse than v1.2.0, but within the margin
}


def write_registry(folder, models=MODELS, *, files=False):
    """Make a repository with a commit and a tag for each model, and with `files` the model itself under DVC."""
    run(folder, "git init -q -b main")
    (folder / "registry").mkdir()
    if files:
        run_dvc(folder, "init", "-q")
        (folder / "dvc.yaml").write_text("artifacts: {layered: {type: model, path: registry/layered}}\n", "utf-8")
    for name, summary in models.items():
        if files:
            summary = summary | {"model": digest(write_model(folder / "registry" / "layered", name))}
            run_dvc(folder, "add", "-q", "registry/layered")
        (folder / "registry" / "dossier.json").write_text(json.dumps(summary), encoding="utf-8")
        run(folder, "git add .")
        run(folder, "git commit -q --allow-empty -m", name)
        tag(folder, f"layered@{name}", "HEAD")


def write_model(folder, name):
    """Write only what a model's digest reads: choices, and weights that depend on the name."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in {
        "assets.extra/layered.json": json.dumps(CHOICES),
        "variables/variables.data": name,
    }.items():
        (folder / "1" / path).parent.mkdir(parents=True)
        (folder / "1" / path).write_text(text, encoding="utf-8")
    return folder


def run_dvc(folder, *arguments):
    """Run DVC's command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert dvc([*arguments]) == 0


def tag(folder, name, target, message="by hand", second=0):
    """Set a tag, dated this many seconds after `LONG_AGO`."""
    when = f"GIT_COMMITTER_DATE=@{LONG_AGO + second} +0000"
    run(folder, "env", when, "git", "tag", "-a", name, target, "-m", message)


def tags(folder):
    """Tags of stages, each with the first line of its message."""
    lines = run(folder, "git for-each-ref refs/tags/layered#*", "--format=%(refname:strip=2)|%(contents:subject)")
    return dict(line.split("|", 1) for line in lines.splitlines())
