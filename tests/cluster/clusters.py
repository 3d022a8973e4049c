"""Pods without a cluster: the very commands of the generated Argo manifest, each in a clone of its own."""

from __future__ import annotations

import os
import subprocess

import yaml
from conftest import ROOT

from pipelines.cluster.argo import manifests
from pipelines.cluster.dag import steps

CODE = ["components", "models", "pipelines", "dvc.yaml", "params.yaml", "pyproject.toml", "champion"]
SETTINGS = [".dvc/config", ".dvcignore", ".gitignore"]


def workflow_template():
    """The generated WorkflowTemplate."""
    return yaml.safe_load(manifests(steps(ROOT))["workflow-template.yaml"])


class Cluster:
    """Runs pods of the template, for a Git repository `origin` and a bucket.

    Args:
        folder: where clones come to lie, one a pod.
        parameters: of the workflow, which differ from the template's.
    """

    def __init__(self, folder, **parameters):
        self.folder, self.template = folder, workflow_template()
        given = {each["name"]: each["value"] for each in self.template["spec"]["arguments"]["parameters"]}
        self.parameters = given | {name.replace("_", "-"): value for name, value in parameters.items()}
        self.pods = {each["name"]: each for each in self.template["spec"]["templates"]}
        self.count = 0

    def tasks(self):
        """Names of the tasks, in an order that their dependencies allow."""
        waiting, done = {task["name"]: task for task in self.pods["workflow"]["dag"]["tasks"]}, []
        while waiting:
            ready = [name for name in waiting if set(waiting[name].get("depends", "").split(" && ")) <= {"", *done}]
            assert ready, waiting
            done += [waiting.pop(name)["name"] for name in ready]
        return done

    def begin(self, name, uid, commit=""):
        """Start a pod, as Kubernetes would: the template's command and environment, an empty folder for a workspace."""
        self.count += 1
        workspace = self.folder / f"pod-{self.count}-{name}"
        workspace.mkdir(parents=True)
        values = {f"workflow.parameters.{key}": value for key, value in self.parameters.items()}
        values |= {"workflow.uid": uid, "inputs.parameters.commit": commit}
        container = self.pods[name]["container"]

        def filled(text):
            for key, value in values.items():
                text = text.replace("{{" + key + "}}", value)
            assert "{{" not in text, text
            return text.replace(container["workingDir"], str(workspace))

        environment = {each["name"]: filled(each["value"]) for each in container["env"]}
        return subprocess.Popen(
            [*container["command"], *map(filled, container["args"])],
            cwd=workspace,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ), workspace

    def pod(self, name, uid, commit=""):
        """Run a pod to its good end; returns what it printed and its workspace."""
        process, workspace = self.begin(name, uid, commit)
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
        return printed, workspace

    def run(self, uid):
        """Run the whole workflow, one pod after another; returns what each printed."""
        _, workspace = self.pod("prepare", uid)
        commit = (workspace / "commit").read_text().strip()
        return {name: self.pod(name, uid, commit)[0] for name in self.tasks() if name != "prepare"}
