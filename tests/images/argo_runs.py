"""Runs a WorkflowTemplate like Argo's controller: order, conditions, parameters, retries; pods are containers."""

from __future__ import annotations

import copy
import re
import shutil

import built_images
from container_pods import Pod
from expressions import evaluate

TASK_FIELDS = {"name", "template", "depends", "arguments", "when"}
RETRIED_STATUSES = {"Always": ("Failed", "Error"), "OnFailure": ("Failed",), "OnError": ("Error",)}
VARIABLE = re.compile(r"{{(=?)\s*([^{}]+?)\s*}}")


class State(dict):
    """How a task ended, in the form that `depends` needs: true or false by itself, and names such as .Succeeded."""

    def __init__(self, how):
        super().__init__(dict.fromkeys(("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned"), False))
        self[how] = True

    def __bool__(self):
        return self["Succeeded"] or self["Skipped"]


class Argo:
    """Runs a template, one pod after another.

    Args:
        template: the WorkflowTemplate.
        folder: where volumes are created.
        secrets: name of each secret, with its keys and values.
        node: environment variables that nodes give their pods.
        parameters: parameters of the workflow that differ from the template's.
    """

    def __init__(self, template, folder, secrets, node, **parameters):
        self.spec, self.folder, self.secrets, self.node = template["spec"], folder, secrets, node
        given = {each["name"]: each.get("value", "") for each in self.spec["arguments"]["parameters"]}
        self.parameters = given | {name.replace("_", "-"): value for name, value in parameters.items()}
        assert set(self.parameters) == set(given)
        defaults = self.spec.get("templateDefaults", {})
        self.templates = {each["name"]: {**defaults, **each} for each in self.spec["templates"]}
        self.count = 0

    def run(self, uid, stop_at=None):
        """Run a workflow to its end; return how its pods ended, and its status.

        Args:
            uid: id of the run.
            stop_at: for some templates, a text; when the first pod prints it, its node goes away.
        """
        pods, values = [], {"workflow.uid": uid, "workflow.name": uid, "pod.name": "pod"}
        values |= {f"workflow.parameters.{name}": value for name, value in self.parameters.items()}
        status = self._run(self.spec["entrypoint"], values, pods, dict(stop_at or {}))
        if "onExit" in self.spec:
            self._run(self.spec["onExit"], {**values, "workflow.status": status, "workflow.failures": "[]"}, pods, {})
        return pods, status

    def _run(self, name, values, pods, stop_at):
        """Run a template, a pod's or a graph's; return its status."""
        if "dag" not in self.templates[name]:
            return "Failed" if self._pod(name, values, pods, None).status else "Succeeded"
        waiting, states = {task["name"]: task for task in self.templates[name]["dag"]["tasks"]}, {}
        while waiting:
            ready = [name for name, task in waiting.items() if set(_needs(task)) <= set(states)]
            assert ready, waiting
            task = waiting.pop(ready[0])
            states[task["name"]] = self._task(task, states, values, pods, stop_at)
        return "Failed" if any(state["Failed"] for state in states.values()) else "Succeeded"

    def _task(self, task, states, values, pods, stop_at):
        """Run a task if its conditions are true; return its state."""
        assert not set(task) - TASK_FIELDS, task
        if not evaluate(task.get("depends") or "true", **states):
            return State("Omitted")
        if "when" in task and not evaluate(self._fill_in(task["when"], values)):
            return State("Skipped")
        given = {
            f"inputs.parameters.{each['name']}": self._fill_in(each["value"], values)
            for each in task.get("arguments", {}).get("parameters", [])
        }
        ended = self._pod(task["template"], {**values, **given}, pods, stop_at.get(task["name"]))
        values.update({f"tasks.{task['name']}.outputs.parameters.{key}": text for key, text in ended.outputs.items()})
        return State("Failed" if ended.status else "Succeeded")

    def _pod(self, name, values, pods, stop_at):
        """Run a pod as often as its retry strategy says; return how the last attempt ended."""
        template = self._fill_in(copy.deepcopy(self.templates[name]), values, besides=("retryStrategy",))
        strategy, attempt = template.get("retryStrategy", {"limit": 0}), 0
        while True:
            self.count += 1
            location = self.folder / f"pod-{self.count}-{name}"
            pod = Pod(self.spec, template, location, self.secrets, self.node)
            ended = pod.run(attempt, stop_at if attempt == 0 else None)
            pods.append(ended)
            built_images.print_now(str(ended))
            shutil.rmtree(location)
            if not should_retry(strategy, ended):
                return ended
            attempt += 1

    def _fill_in(self, tree, values, besides=()):
        if isinstance(tree, dict):
            return {key: each if key in besides else self._fill_in(each, values) for key, each in tree.items()}
        if isinstance(tree, list):
            return [self._fill_in(each, values) for each in tree]
        return VARIABLE.sub(lambda found: _value(*found.groups(), values), tree) if isinstance(tree, str) else tree


def _value(computed, name, values):
    return str(evaluate(name, **_nested(values))) if computed else values[name]


def _nested(values):
    tree = {}
    for name, value in values.items():
        *parts, last = name.split(".")
        location = tree
        for part in parts:
            location = location.setdefault(part, {})
        location[last] = value
    return tree


def _needs(task):
    return re.findall(r"(?<![\w.-])[\w-]+", task.get("depends", ""))


def should_retry(strategy, ended):
    """Return whether Argo retries a pod that ended like this."""
    if not ended.status or ended.attempt >= int(strategy.get("limit", 0)):
        return False
    expression = strategy.get("expression")
    if "Failed" not in RETRIED_STATUSES[strategy.get("retryPolicy", "Always" if expression else "OnFailure")]:
        return False
    message = f"{'OOMKilled' if ended.oom else 'Error'} (exit code {ended.status})"
    last = {"status": "Failed", "exitCode": str(ended.status), "message": message, "duration": str(ended.seconds)}
    return evaluate(expression, lastRetry=last) if expression else True
