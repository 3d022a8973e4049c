"""Kubeflow without a cluster: runs the commands of the compiled pipeline, with executor inputs made by hand."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

import pytest
import yaml
from conftest import ROOT
from whole_project import BIN


class Containers:
    """Runs the tasks of a compiled pipeline one by one, as Kubeflow's launcher would.

    Args:
        text: the compiled pipeline.
        folder: where artifacts and outputs are written, one folder per task.
        call: function that runs a container's command in a folder; `in_this_process` or `in_own_process`.
    """

    def __init__(self, text, folder=None, call=None):
        self.spec, self.platform = yaml.safe_load_all(text)
        self.folder, self.call = folder, call
        self.tasks = self.spec["root"]["dag"]["tasks"]
        self.executors = self.spec["deploymentSpec"]["executors"]

    def order(self):
        """Names of the tasks, each after those it depends on."""
        waiting, done = set(self.tasks), []
        while waiting:
            ready = sorted(name for name in waiting if set(self.tasks[name].get("dependentTasks", [])) <= set(done))
            assert ready, waiting
            done += ready
            waiting -= set(ready)
        return done

    def artifacts(self, task, key):
        """One output of a task: its declared type joined with what the task reported, as the launcher does it."""
        component = self.spec["components"][self.tasks[task]["componentRef"]["name"]]
        kind = component["outputDefinitions"]["artifacts"][key]["artifactType"]
        reported = json.loads((self.folder / task / "executor_output.json").read_text())["artifacts"][key]["artifacts"]
        return {"artifacts": [{"type": kind} | each for each in reported]}

    def executor_input(self, name):
        """The message that the launcher substitutes for {{$}}."""
        task, component = self.tasks[name], self.spec["components"][self.tasks[name]["componentRef"]["name"]]
        given = task.get("inputs", {})
        sources = {key: each["taskOutputArtifact"] for key, each in given.get("artifacts", {}).items()}
        outputs = component.get("outputDefinitions", {}).get("artifacts", {})
        return {
            "inputs": {
                "parameterValues": {
                    key: each["runtimeValue"]["constant"] for key, each in given.get("parameters", {}).items()
                },
                "artifacts": {
                    key: self.artifacts(each["producerTask"], each["outputArtifactKey"])
                    for key, each in sources.items()
                },
            },
            "outputs": {
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": f"{name}-{key}",
                                "uri": str(self.folder / name / key),
                                "type": each["artifactType"],
                            }
                        ]
                    }
                    for key, each in outputs.items()
                },
                "outputFile": str(self.folder / name / "executor_output.json"),
            },
        }

    def run(self, name):
        """Run one task, which must succeed; an importer only records the location of its artifact."""
        executor = self.executors[self.spec["components"][name]["executorLabel"]]
        message = self.executor_input(name)
        workspace = self.folder / name / "workspace"
        workspace.mkdir(parents=True)
        if "importer" in executor:
            (key,) = message["outputs"]["artifacts"]
            message["outputs"]["artifacts"][key]["artifacts"][0]["uri"] = executor["importer"]["artifactUri"][
                "constant"
            ]
            Path(message["outputs"]["outputFile"]).write_text(
                json.dumps({"artifacts": message["outputs"]["artifacts"]})
            )
            return
        container = executor["container"]
        arguments = [argument.replace("{{$}}", json.dumps(message)) for argument in container["args"]]
        self.call([*container["command"], *arguments], workspace)


def in_own_process(command, folder):
    """Run a command in its own process, as a container does."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def in_this_process(command, folder):
    """Run a command in this process, which has already imported TFX: the import takes most of a container's time."""
    python, option, module, *arguments = command
    assert (python, option) == ("python", "-m")
    before = Path.cwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings(), mock.patch.object(sys, "argv", [module, *arguments]):
            warnings.simplefilter("ignore")  # TFX's packages warn about their own code
            with pytest.raises(SystemExit, match=r"^(None|0)?$"):
                # The main module remains pytest's: processes started by a stage import it, and TFX's is slow to import.
                runpy.run_module(module, run_name="__main__")
    finally:
        os.chdir(before)
