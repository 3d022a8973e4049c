"""Third-party validators in .venv-checks for the files in infra/; each returns its complaints, one a line."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml
from conftest import ROOT

CHECKS = ROOT / ".venv-checks"


def complaints(*command, stdin=None):
    """Return the lines that a program of .venv-checks prints if it fails, and none if it succeeds."""
    program = CHECKS / "bin" / command[0]
    if not program.exists():
        pytest.skip("the environment for checks is not here: make checks-setup")
    environment = {**os.environ, "PATH": f"{CHECKS / 'bin'}:{os.environ['PATH']}"}
    result = subprocess.run(
        [program, *command[1:]], input=stdin, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    if result.returncode == 0:
        return []
    return [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]


def kubernetes_complaints(objects, folder):
    """Check objects of Kubernetes' own kinds against its schemas; unknown fields are errors, too."""
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    return complaints("kubernetes-validate", "-k", "1.33", "--strict", folder / "objects.yaml")


def argo_complaints(objects):
    """Check objects of Argo's kinds against its schemas, which, unlike Argo, require a name for each container."""
    named = json.loads(json.dumps(objects))
    for each in named:
        for template in each["spec"].get("templates", []):
            if "container" in template:
                template["container"].setdefault("name", "main")
    script = ROOT / "infra" / "checks" / "argo.mjs"
    return complaints("node", script, CHECKS / "node_modules", stdin=json.dumps(named))


def evaluate_cel(cases):
    """Evaluate CEL expressions, each with its variables; see infra/checks/expressions.mjs."""
    script, given = ROOT / "infra" / "checks" / "expressions.mjs", [{"expression": e, "variables": v} for e, v in cases]
    program = CHECKS / "bin" / "node"
    if not program.exists():
        pytest.skip("the environment for checks is not here: make checks-setup")
    command = [program, script, CHECKS / "node_modules"]
    process = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    return json.loads(process.stdout)
