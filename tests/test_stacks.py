"""A model trained in one stack is evaluated, pushed and served in the other; both ways, by real commands.

Runs from the classic stack, where infra/modern.py has set the modern one up: `make test-modern`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from conftest import IMPORTS, ROOT, SUPPORT, tiny_tree
from whole_project import BIN, NO_FLOORS, commit, copied

from pipelines import stack

pytestmark = pytest.mark.nightly  # whole runs in both stacks

DATA = ["demo", "ingest", "split", "convert", "validate"]
TRAINING = ["train classifier", "train segmenter", "assemble"]
JUDGING = ["evaluate", "report", "push"]
OUTPUTS = f"PYTHONPATH={IMPORTS} python {SUPPORT / 'layered_outputs.py'}"
MODERN = [sys.executable, str(ROOT / "infra" / "modern.py")]


def here(lines):
    return ["env", f"PATH={BIN}:/usr/bin:/bin", "bash", "-ec", "\n".join(lines)]


def there(lines):
    return [*MODERN, "run", "--", "bash", "-ec", "\n".join(lines)]


def run(command, project):
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


def stages(names):
    return [f"glioflow stage {name}" for name in names]


def alone():
    """Why only one stack can be had here; None where both can."""
    if stack.current() == "modern":
        return "the classic stack's tests cross over, both ways"
    if (stack.glibc() or (0, 0)) >= stack.MODERN_GLIBC:
        return "the modern stack has no environment of its own where the machine's C library carries it"
    if not (ROOT / ".venv-modern" / "lock.sha256").exists():
        return "the modern stack is not set up here: make test-modern"
    return subprocess.run([*MODERN, "check"], capture_output=True, text=True, check=False).stderr.strip() or None


@pytest.fixture(scope="module")
def data_project(tmp_path_factory):
    """A project with tiny parameters, of which all is done that is before the trainings."""
    if alone():
        pytest.skip(alone())
    folder = copied(tmp_path_factory.mktemp("stacks") / "data")
    tree = tiny_tree()
    for parameter in NO_FLOORS:
        tree["gate"][parameter.removeprefix("gate.")] = 0
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    commit(folder)
    run(here(stages(DATA)), folder)
    return folder


@pytest.fixture(scope="module", params=["classic to modern", "modern to classic"])
def carried(request, data_project):
    """A project whose model one stack has made, and the other has evaluated, pushed and served."""
    maker, taker = (here, there) if request.param == "classic to modern" else (there, here)
    folder = data_project.with_name(request.param.replace(" ", "-"))
    shutil.copytree(data_project, folder, symlinks=True)
    made = run(maker([*stages(TRAINING), f"{OUTPUTS} artifacts/layered made.npz", "glioflow doctor"]), folder)
    told = run(taker([*stages(JUDGING), f"{OUTPUTS} registry:v1.0.0 taken.npz --served", "glioflow doctor"]), folder)
    (own, other) = request.param.split(" to ")
    assert f"stack            {own}: " in made
    assert f"stack            {other}: " in told
    return folder


def test_the_other_lane_has_evaluated_and_pushed_it(carried):
    metrics = json.loads((carried / "reports" / "details.json").read_text(encoding="utf-8"))
    assert metrics["tfma"]["classifier"]["overall"]["example_count"] == metrics["classifier"]["slices"] > 0
    assert 0 <= metrics["layered"]["volume_dice_mean"] <= 1
    pushed = json.loads((carried / "reports" / "push.json").read_text())
    assert (pushed["pushed"], pushed["version"]) == (True, "v1.0.0")


def test_the_outputs_are_equal_to_a_ten_thousandth(carried):
    made, taken = (dict(np.load(carried / name)) for name in ("made.npz", "taken.npz"))
    assert {"stages.tumor_probability", "stages.mask_probability", "served.mask"} <= set(made)
    assert np.ptp(made["stages.mask_probability"]) > 1e-3  # not equal because all is one value
    for name, expected in made.items():
        assert np.abs(taken[name].astype(float) - expected).max() <= 1e-4, name


def test_the_server_answers_the_same(carried):
    made, taken = (dict(np.load(carried / name)) for name in ("made.npz", "taken.npz"))
    for name in ("tumor_probability", "has_tumor", "mask"):
        assert np.abs(taken[f"server.{name}"].astype(float) - made[f"served.{name}"]).max() <= 1e-4, name
