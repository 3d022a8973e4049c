"""Reading a table takes a second: what only reads tables starts without TensorFlow, Beam and TFX."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("apache_beam", "keras", "tensorflow", "tensorflow_model_analysis", "tfx")
SHOW = f"import sys; print(sorted(set({HEAVY}) & set(sys.modules)))"
COMMAND = "from pipelines.cli import cli; cli({arguments}, standalone_mode=False)"


@pytest.mark.parametrize(
    "code",
    [
        "import pipelines.stages.report",
        "import components.registry.promotion, components.registry.table, components.registry.releases",
        "import components.predict.score",
        COMMAND.format(arguments=["predict", "--help"]),
        COMMAND.format(arguments=["score", "--help"]),
        COMMAND.format(arguments=["run", "--help"]),
    ],
)
def test_what_reads_tables_starts_without_tensorflow_and_beam(code):
    result = subprocess.run([sys.executable, "-c", f"{code}\n{SHOW}"], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_training_is_seen_to_need_tensorflow():
    code = f"import components.train.devices\n{SHOW}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tensorflow" in result.stdout
