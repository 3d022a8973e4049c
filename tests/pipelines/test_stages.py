"""The modules of pipelines/stages, the stages of dvc.yaml and the stage commands are the same."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT

from pipelines.cli import cli
from pipelines.verbs.stage import stage

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = sorted(path.stem for path in (ROOT / "pipelines/stages").glob("[!_]*.py"))


def test_every_module_of_stages_is_a_dvc_stage_and_a_command():
    assert MODULES
    assert sorted(STAGES) == MODULES == sorted(stage.commands)


@pytest.mark.parametrize("name", MODULES)
def test_dvc_runs_a_stage_by_its_command(name):
    words = STAGES[name].get("do", STAGES[name])["cmd"].split()
    assert words[:3] == ["glioflow", "stage", name]
    result = CliRunner().invoke(cli, [*words[1:3], "--help"])
    assert result.exit_code == 0
    assert stage.commands[name].help in " ".join(result.output.split())
