"""Commands that only read tables or predict start without TensorFlow, Keras, Beam and TFX."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT
from layered_models import write_layered

HEAVY = ("apache_beam", "keras", "tensorflow", "tensorflow_model_analysis", "tfx")
PRINT_HEAVY = f"import sys; print(sorted(set({HEAVY}) & set(sys.modules)))"
COMMAND = "from pipelines.cli import cli; cli({arguments}, standalone_mode=False)"


@pytest.mark.parametrize(
    "code",
    [
        "import pipelines.stages.report",
        "import components.registry.promotion, components.registry.table, components.registry.releases",
        "import components.predict.score",
        "import components.predict.checked_reading",  # in the process that reads ahead
        COMMAND.format(arguments=["predict", "--help"]),
        COMMAND.format(arguments=["score", "--help"]),
        COMMAND.format(arguments=["run", "--help"]),
    ],
)
def test_light_commands_start_without_tensorflow_and_beam(code):
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{PRINT_HEAVY}"], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_layered(folder)
    return folder


def run_and_show(arguments):
    """Run a command to its end; return its output, with the heavy modules it imported in the last line."""
    code = COMMAND.format(arguments=[str(argument) for argument in arguments])
    program = f"try:\n    {code}\nexcept SystemExit as end:\n    assert end.code in (0, 1), end\n{PRINT_HEAVY}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return result.stdout.splitlines()


def test_a_prediction_needs_neither_tensorflow_nor_beam(demo_source, model, tmp_path):
    lines = run_and_show(["predict", demo_source, "--model", model, "--out", tmp_path / "out", "--overlays", "--doubt"])
    assert "9 patients predicted" in lines[-2]
    assert lines[-1] == "[]"


def test_drift_with_a_model_needs_neither_tensorflow_nor_beam(demo_source, data, model):
    lines = run_and_show(["drift", demo_source, "--against", data, "--model", model])
    assert any("patient(s) compared" in line for line in lines)
    assert lines[-1] == "[]"


def test_the_check_sees_that_training_needs_tensorflow():
    code = f"import components.train.devices\n{PRINT_HEAVY}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tensorflow" in result.stdout
