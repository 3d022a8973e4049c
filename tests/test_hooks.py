"""The pre-commit hooks run the same checks as `make lint`, and so as continuous integration."""

from __future__ import annotations

import re

import yaml
from conftest import ROOT


def test_the_hooks_run_the_same_commands_as_make_lint():
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]] == re.findall(r"\t@(.*)\n", recipe)
    for hook in local["hooks"]:
        assert hook["entry"].startswith(".venv/bin/")
        assert (hook["pass_filenames"], hook["always_run"]) == (False, True)
