"""A Git repository whose tags register models of known quality, without their files: all that promotion reads."""

from __future__ import annotations

import json

from dvc_project import run

from components.common.params import Gate
from components.evaluate.gate import BLESSED, NOT_BLESSED

GATE = Gate(
    **{name: 0 for name in Gate.model_fields if name.startswith("min_")},
    cohort_patients=3,
    champion="champion",
    margin=0.02,
)
PATIENTS = [f"p{i}" for i in range(6)]
LONG_AGO = 1_500_000_000


def dossier(dice, verdict=BLESSED):
    """What of a dossier promotion reads, for a model of that volume Dice; one patient has no tumour."""
    return {"verdict": verdict, "scores": {name: dice + i / 100 for i, name in enumerate(PATIENTS)} | {"healthy": None}}


MODELS = {
    "v1.0.0": dossier(0.80),
    "v1.1.0": dossier(0.70),  # worse
    "v1.2.0": dossier(0.90),
    "v1.3.0": dossier(0.95, NOT_BLESSED),
    "v1.4.0": dossier(0.89),  # worse than the one before, but within the margin
}


def write_registry(folder, models=MODELS):
    """Make a repository with a commit and a tag for each model, its text instead of a dossier where it is one."""
    run(folder, "git init -q -b main")
    (folder / "registry").mkdir()
    for name, told in models.items():
        text = told if isinstance(told, str) else json.dumps(told)
        (folder / "registry" / "dossier.json").write_text(text, encoding="utf-8")
        run(folder, "git add .")
        run(folder, "git commit -q --allow-empty -m", name)
        tag(folder, f"layered@{name}", "HEAD")


def tag(folder, name, target, message="by hand", second=0):
    """Set a tag at so many seconds after `LONG_AGO`."""
    when = f"GIT_COMMITTER_DATE=@{LONG_AGO + second} +0000"
    run(folder, "env", when, "git", "tag", "-a", name, target, "-m", message)


def tags(folder):
    """Tags of stages, and the first line of what each says."""
    lines = run(folder, "git for-each-ref refs/tags/layered#*", "--format=%(refname:strip=2)|%(contents:subject)")
    return dict(line.split("|", 1) for line in lines.splitlines())
