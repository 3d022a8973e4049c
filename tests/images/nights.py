"""What Argo's controller does with a WorkflowTemplate: order, conditions, parameters, retries; pods are containers."""

from __future__ import annotations

import copy
import re
import shutil

import built
from expressions import evaluate
from pods import Pod

OF_TASKS = {"name", "template", "depends", "arguments", "when"}
RETRIED = {"Always": ("Failed", "Error"), "OnFailure": ("Failed",), "OnError": ("Error",)}
VARIABLE = re.compile(r"{{(=?)\s*([^{}]+?)\s*}}")


class State(dict):
    """How a task ended, as `depends` asks: by itself, or by a name such as .Succeeded."""

    def __init__(self, how):
        super().__init__(dict.fromkeys(("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned"), False))
        self[how] = True

    def __bool__(self):
        return self["Succeeded"] or self["Skipped"]


class Argo:
    """Runs a template, one pod after another.

    Args:
        template: the WorkflowTemplate.
        folder: where volumes come to lie.
        secrets: name of a secret to what its keys hold.
        node: environment that nodes have for their pods.
        parameters: of the workflow, which differ from the template's.
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
        """Run a workflow to its end; returns how its pods ended, and its status.

        Args:
            uid: id of the run.
            stop_at: template to a text; when its first pod prints it, its node goes away.
        """
        pods, values = [], {"workflow.uid": uid, "workflow.name": uid, "pod.name": "pod"}
        values |= {f"workflow.parameters.{name}": value for name, value in self.parameters.items()}
        status = self._run(self.spec["entrypoint"], values, pods, dict(stop_at or {}))
        if "onExit" in self.spec:
            self._run(self.spec["onExit"], {**values, "workflow.status": status, "workflow.failures": "[]"}, pods, {})
        return pods, status

    def _run(self, name, values, pods, stop_at):
        """Run a template, a pod's or a graph's; returns its status."""
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
        """Run a task, if its conditions hold; returns its state."""
        assert not set(task) - OF_TASKS, task
        if not evaluate(task.get("depends") or "true", **states):
            return State("Omitted")
        if "when" in task and not evaluate(self._filled(task["when"], values)):
            return State("Skipped")
        given = {
            f"inputs.parameters.{each['name']}": self._filled(each["value"], values)
            for each in task.get("arguments", {}).get("parameters", [])
        }
        ended = self._pod(task["template"], {**values, **given}, pods, stop_at.get(task["name"]))
        values.update({f"tasks.{task['name']}.outputs.parameters.{key}": text for key, text in ended.outputs.items()})
        return State("Failed" if ended.status else "Succeeded")

    def _pod(self, name, values, pods, stop_at):
        """Run a pod as often as its retry strategy says; returns how the last one ended."""
        template = self._filled(copy.deepcopy(self.templates[name]), values, besides=("retryStrategy",))
        strategy, attempt = template.get("retryStrategy", {"limit": 0}), 0
        while True:
            self.count += 1
            place = self.folder / f"pod-{self.count}-{name}"
            pod = Pod(self.spec, template, place, self.secrets, self.node)
            ended = pod.run(attempt, stop_at if attempt == 0 else None)
            pods.append(ended)
            built.said(str(ended))
            shutil.rmtree(place)
            if not again(strategy, ended):
                return ended
            attempt += 1

    def _filled(self, tree, values, besides=()):
        if isinstance(tree, dict):
            return {key: each if key in besides else self._filled(each, values) for key, each in tree.items()}
        if isinstance(tree, list):
            return [self._filled(each, values) for each in tree]
        return VARIABLE.sub(lambda found: _value(*found.groups(), values), tree) if isinstance(tree, str) else tree


def _value(computed, name, values):
    return str(evaluate(name, **_nested(values))) if computed else values[name]


def _nested(values):
    tree = {}
    for name, value in values.items():
        *parts, last = name.split(".")
        place = tree
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    return tree


def _needs(task):
    return re.findall(r"(?<![\w.-])[\w-]+", task.get("depends", ""))


def again(strategy, ended):
    """Whether Argo starts a pod that ended like this once more."""
    if not ended.status or ended.attempt >= int(strategy.get("limit", 0)):
        return False
    expression = strategy.get("expression")
    if "Failed" not in RETRIED[strategy.get("retryPolicy", "Always" if expression else "OnFailure")]:
        return False
    message = f"{'OOMKilled' if ended.oom else 'Error'} (exit code {ended.status})"
    last = {"status": "Failed", "exitCode": str(ended.status), "message": message, "duration": str(ended.seconds)}
    return evaluate(expression, lastRetry=last) if expression else True
