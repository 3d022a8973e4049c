"""A model trained in one stack is evaluated, pushed and served in the other, both ways, by real commands.

Runs from the classic stack, if infra/modern.py has set up the modern one: `make test-modern`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from conftest import ROOT, SUPPORT, TEST_PYTHONPATH, tiny_tree
from whole_project import BIN, NO_FLOORS, commit, copy_project

from pipelines import stack

pytestmark = pytest.mark.nightly  # whole runs in both stacks

DATA = ["demo", "ingest", "split", "convert", "validate"]
TRAINING = ["train classifier", "train segmenter", "assemble"]
EVALUATION = ["evaluate", "report", "push"]
OUTPUTS = f"PYTHONPATH={TEST_PYTHONPATH} python {SUPPORT / 'layered_outputs.py'}"
MODERN = [sys.executable, str(ROOT / "infra" / "modern.py")]


def in_classic(lines):
    return ["env", f"PATH={BIN}:/usr/bin:/bin", "bash", "-ec", "\n".join(lines)]


def in_modern(lines):
    return [*MODERN, "run", "--", "bash", "-ec", "\n".join(lines)]


def run(command, project):
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


def stages(names):
    return [f"glioflow stage {name}" for name in names]


def missing_stack():
    """Return why only one stack is available here, or None if both are."""
    if stack.current() == "modern":
        return "the classic stack's tests cross over, both ways"
    if (stack.glibc() or (0, 0)) >= stack.MODERN_GLIBC:
        return "the modern stack has no environment of its own where the machine's C library carries it"
    if not (ROOT / ".venv-modern" / "lock.sha256").exists():
        return "the modern stack is not set up here: make test-modern"
    return subprocess.run([*MODERN, "check"], capture_output=True, text=True, check=False).stderr.strip() or None


@pytest.fixture(scope="module")
def data_project(tmp_path_factory):
    """A project with tiny parameters in which all stages before the trainings have run."""
    if missing_stack():
        pytest.skip(missing_stack())
    folder = copy_project(tmp_path_factory.mktemp("stacks") / "data")
    tree = tiny_tree()
    for parameter in NO_FLOORS:
        tree["gate"][parameter.removeprefix("gate.")] = 0
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    commit(folder)
    run(in_classic(stages(DATA)), folder)
    return folder


@pytest.fixture(scope="module", params=["classic to modern", "modern to classic"])
def crossed_project(request, data_project):
    """A project whose model was trained in one stack, then evaluated, pushed and served in the other."""
    trainer, evaluator = (in_classic, in_modern) if request.param == "classic to modern" else (in_modern, in_classic)
    folder = data_project.with_name(request.param.replace(" ", "-"))
    shutil.copytree(data_project, folder, symlinks=True)
    from_trainer = run(trainer([*stages(TRAINING), f"{OUTPUTS} artifacts/layered made.npz", "glioflow doctor"]), folder)
    evaluator_output = run(
        evaluator([*stages(EVALUATION), f"{OUTPUTS} registry:v1.0.0 taken.npz --served", "glioflow doctor"]), folder
    )
    (own, other) = request.param.split(" to ")
    assert f"stack            {own}: " in from_trainer
    assert f"stack            {other}: " in evaluator_output
    return folder


def test_the_other_stack_evaluates_and_pushes_the_model(crossed_project):
    metrics = json.loads((crossed_project / "reports" / "details.json").read_text(encoding="utf-8"))
    assert metrics["tfma"]["classifier"]["overall"]["example_count"] == metrics["classifier"]["slices"] > 0
    assert 0 <= metrics["layered"]["volume_dice_mean"] <= 1
    pushed = json.loads((crossed_project / "reports" / "push.json").read_text())
    assert (pushed["pushed"], pushed["version"]) == (True, "v1.0.0")


def test_outputs_in_both_stacks_are_equal_to_a_ten_thousandth(crossed_project):
    from_trainer, from_evaluator = (dict(np.load(crossed_project / name)) for name in ("made.npz", "taken.npz"))
    assert {"stages.tumor_probability", "stages.mask_probability", "served.mask"} <= set(from_trainer)
    assert np.ptp(from_trainer["stages.mask_probability"]) > 1e-3  # otherwise constant outputs would be equal, too
    for name, expected in from_trainer.items():
        assert np.abs(from_evaluator[name].astype(float) - expected).max() <= 1e-4, name


def test_the_server_of_the_other_stack_gives_the_same_answers(crossed_project):
    from_trainer, from_evaluator = (dict(np.load(crossed_project / name)) for name in ("made.npz", "taken.npz"))
    for name in ("tumor_probability", "has_tumor", "mask"):
        assert np.abs(from_evaluator[f"server.{name}"].astype(float) - from_trainer[f"served.{name}"]).max() <= 1e-4, (
            name
        )
