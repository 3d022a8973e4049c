"""Pods without a cluster: runs the commands of the generated Argo manifest, each in a clone of its own."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import yaml
from in_process_pods import run_pod_here

from pipelines.cluster.argo import manifests
from pipelines.cluster.dag import steps


class Cluster:
    """Runs pods of the workflow template, with a Git repository and a bucket.

    Args:
        project: folder whose dvc.yaml the template is generated from.
        folder: where the clones are made, one for each pod.
        separate: give every pod its own process; otherwise only `start_pod` does, and other pods run `glioflow` here.
        parameters: parameters of the workflow that differ from the template's.
    """

    def __init__(self, project, folder, separate, **parameters):
        self.folder, self.separate = folder, separate
        self.template = yaml.safe_load(manifests(steps(project))["workflow-template.yaml"])
        given = {each["name"]: each.get("value") for each in self.template["spec"]["arguments"]["parameters"]}
        self.parameters = given | {name.replace("_", "-"): value for name, value in parameters.items()}
        self.pods = {each["name"]: each for each in self.template["spec"]["templates"]}
        self.count, self.started, self.outputs = 0, [], {}

    def tasks(self):
        """Return the names of the tasks, in an order that their dependencies allow."""
        waiting, done = {task["name"]: task for task in self.pods["workflow"]["dag"]["tasks"]}, []
        while waiting:
            ready = [name for name in waiting if set(waiting[name].get("depends", "").split(" && ")) <= {"", *done}]
            assert ready, waiting
            done += [waiting.pop(name)["name"] for name in ready]
        return done

    def container_arguments(self, name, uid, commit):
        """Return what Kubernetes would start: the template's command and environment, and an empty workspace."""
        self.count += 1
        self.started.append(name)
        workspace = self.folder / f"pod-{self.count}-{name}"
        workspace.mkdir(parents=True)
        values = {f"workflow.parameters.{key}": value for key, value in self.parameters.items() if value is not None}
        values |= {"workflow.uid": uid, "inputs.parameters.commit": commit}
        container = self.pods[name]["container"]

        def fill_in(text):
            for key, value in values.items():
                text = text.replace("{{" + key + "}}", value)
            assert "{{" not in text, text
            return text.replace(container["workingDir"], str(workspace))

        environment = {each["name"]: fill_in(each["value"]) for each in container["env"]}
        return [*container["command"], *map(fill_in, container["args"])], environment, workspace

    def start_pod(self, name, uid, commit="", **more):
        """Start a pod in a process of its own, with `more` added to its environment."""
        command, environment, workspace = self.container_arguments(name, uid, commit)
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

    def run_pod(self, name, uid, commit=""):
        """Run a pod to its end; return its exit status, its output and its workspace."""
        if self.separate or name == "prepare":
            process, workspace = self.start_pod(name, uid, commit)
            printed, _ = process.communicate()
            return process.returncode, printed, workspace
        command, environment, workspace = self.container_arguments(name, uid, commit)
        return *run_pod_here(command, environment, workspace), workspace

    def run_good_pod(self, name, uid, commit=""):
        """Run a pod that has to succeed; return its output and its workspace."""
        status, printed, workspace = self.run_pod(name, uid, commit)
        assert status == 0, printed
        return printed, workspace

    def prepare(self, uid):
        """Run the first pod; keep its output parameters and return the commit for the other pods."""
        _, workspace = self.run_good_pod("prepare", uid)
        self.outputs = {}
        for each in self.pods["prepare"]["outputs"]["parameters"]:
            file = Path(
                each["valueFrom"]["path"].replace(self.pods["prepare"]["container"]["workingDir"], str(workspace))
            )
            self.outputs[each["name"]] = file.read_text() if file.exists() else each["valueFrom"]["default"]
        return self.outputs["commit"]

    def tasks_to_run(self):
        """Yield the names of the tasks after `prepare` whose `when` is true."""
        tasks = {each["name"]: each.get("when", "true == true") for each in self.pods["workflow"]["dag"]["tasks"]}
        for name in self.tasks()[1:]:
            text = re.sub(
                r"{{tasks\.prepare\.outputs\.parameters\.([\w-]+)}}", lambda m: self.outputs[m[1]], tasks[name]
            )
            left, right = re.fullmatch(r"(\w+) == (\w+)", text).groups()
            if left == right:
                yield name

    def run(self, uid):
        """Run the whole workflow, one pod after another; return the output of each."""
        commit = self.prepare(uid)
        return {name: self.run_good_pod(name, uid, commit)[0] for name in self.tasks_to_run()}
