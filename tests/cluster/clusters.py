"""Pods without a cluster: the very commands of the generated Argo manifest, each in a clone of its own."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import yaml
from pods_here import glioflow

from pipelines.cluster.argo import manifests
from pipelines.cluster.dag import steps


class Cluster:
    """Runs pods of the template, for a Git repository `origin` and a bucket.

    Args:
        project: folder whose dvc.yaml the template is made of.
        folder: where clones come to lie, one a pod.
        apart: give every pod a process of its own; else only those of `begin`, and `glioflow` of the others runs here.
        parameters: of the workflow, which differ from the template's.
    """

    def __init__(self, project, folder, apart, **parameters):
        self.folder, self.apart = folder, apart
        self.template = yaml.safe_load(manifests(steps(project))["workflow-template.yaml"])
        given = {each["name"]: each.get("value") for each in self.template["spec"]["arguments"]["parameters"]}
        self.parameters = given | {name.replace("_", "-"): value for name, value in parameters.items()}
        self.pods = {each["name"]: each for each in self.template["spec"]["templates"]}
        self.count, self.started, self.told = 0, [], {}

    def tasks(self):
        """Names of the tasks, in an order that their dependencies allow."""
        waiting, done = {task["name"]: task for task in self.pods["workflow"]["dag"]["tasks"]}, []
        while waiting:
            ready = [name for name in waiting if set(waiting[name].get("depends", "").split(" && ")) <= {"", *done}]
            assert ready, waiting
            done += [waiting.pop(name)["name"] for name in ready]
        return done

    def made(self, name, uid, commit):
        """What Kubernetes would start: the template's command and environment, an empty folder for a workspace."""
        self.count += 1
        self.started.append(name)
        workspace = self.folder / f"pod-{self.count}-{name}"
        workspace.mkdir(parents=True)
        values = {f"workflow.parameters.{key}": value for key, value in self.parameters.items() if value is not None}
        values |= {"workflow.uid": uid, "inputs.parameters.commit": commit}
        container = self.pods[name]["container"]

        def filled(text):
            for key, value in values.items():
                text = text.replace("{{" + key + "}}", value)
            assert "{{" not in text, text
            return text.replace(container["workingDir"], str(workspace))

        environment = {each["name"]: filled(each["value"]) for each in container["env"]}
        return [*container["command"], *map(filled, container["args"])], environment, workspace

    def begin(self, name, uid, commit="", **more):
        """Start a pod in a process of its own, with `more` in its environment."""
        command, environment, workspace = self.made(name, uid, commit)
        process = subprocess.Popen(
            command,
            cwd=workspace,
            env=os.environ | environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return process, workspace

    def end(self, name, uid, commit=""):
        """Run a pod to its end; returns its exit status, what it printed, and its workspace."""
        if self.apart or name == "prepare":
            process, workspace = self.begin(name, uid, commit)
            printed, _ = process.communicate()
            return process.returncode, printed, workspace
        command, environment, workspace = self.made(name, uid, commit)
        return *glioflow(command, environment, workspace), workspace

    def pod(self, name, uid, commit=""):
        """Run a pod to its good end; returns what it printed and its workspace."""
        status, printed, workspace = self.end(name, uid, commit)
        assert status == 0, printed
        return printed, workspace

    def prepare(self, uid):
        """Run the first pod; returns the commit that it hands to the others, and keeps what it tells Argo."""
        _, workspace = self.pod("prepare", uid)
        self.told = {}
        for each in self.pods["prepare"]["outputs"]["parameters"]:
            file = Path(
                each["valueFrom"]["path"].replace(self.pods["prepare"]["container"]["workingDir"], str(workspace))
            )
            self.told[each["name"]] = file.read_text() if file.exists() else each["valueFrom"]["default"]
        return self.told["commit"]

    def wanted(self):
        """Names of the tasks after `prepare` whose `when` holds."""
        tasks = {each["name"]: each.get("when", "true == true") for each in self.pods["workflow"]["dag"]["tasks"]}
        for name in self.tasks()[1:]:
            text = re.sub(r"{{tasks\.prepare\.outputs\.parameters\.([\w-]+)}}", lambda m: self.told[m[1]], tasks[name])
            left, right = re.fullmatch(r"(\w+) == (\w+)", text).groups()
            if left == right:
                yield name

    def run(self, uid):
        """Run the whole workflow, one pod after another; returns what each printed."""
        commit = self.prepare(uid)
        return {name: self.pod(name, uid, commit)[0] for name in self.wanted()}
