"""Finds what Argo's schemas don't check: unknown fields, and references to names that don't exist."""

from __future__ import annotations

import re

from hera.workflows import models

REFERENCE = re.compile(r"{{=?\s*([^{}]+?)\s*}}")
ARGO_VARIABLES = {f"workflow.{name}" for name in ("uid", "name", "status", "failures")} | {"pod.name"}


def unknown_fields(tree):
    """Return the paths of fields that Hera's models, generated from Argo's own specification, don't have."""
    kind = getattr(models, tree["kind"])
    known = kind.model_validate(tree).model_dump(by_alias=True, exclude_unset=True, mode="json")
    return sorted(_unknown(tree, known, tree["kind"]))


def _unknown(tree, known, path):
    if isinstance(tree, dict) and isinstance(known, dict):
        for key, value in tree.items():
            yield from _unknown(value, known[key], f"{path}.{key}") if key in known else [f"{path}.{key}"]
    elif isinstance(tree, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(tree, known, strict=True)):
            yield from _unknown(one, other, f"{path}[{number}]")


def dangling_references(tree):
    """Return complaints about templates, tasks and parameters that are used but don't exist, or exist unused."""
    spec = tree["spec"]
    templates = {each["name"]: each for each in spec["templates"]}
    given = {f"workflow.parameters.{each['name']}" for each in spec["arguments"]["parameters"]}
    found = [] if spec["entrypoint"] in templates else [f"entrypoint {spec['entrypoint']}: no such template"]
    used = {spec["entrypoint"], *([spec["onExit"]] if "onExit" in spec else [])}
    found += [f"onExit {name}: no such template" for name in used - set(templates) - {spec["entrypoint"]}]
    for name, template in templates.items():
        own = {f"inputs.parameters.{each['name']}" for each in template.get("inputs", {}).get("parameters", [])}
        tasks = {each["name"]: each for each in template.get("dag", {}).get("tasks", [])}
        for task in tasks.values():
            used.add(task["template"])
            found += _task_complaints(name, task, tasks, templates)
            for needed in re.split(r"[\s&|!()]+", task.get("depends", "")):
                if needed and needed not in tasks:
                    found.append(f"{name}/{task['name']}: depends on {needed}, which is no task")
        outputs = {
            f"tasks.{task['name']}.outputs.parameters.{each['name']}"
            for task in tasks.values()
            for each in templates.get(task["template"], {}).get("outputs", {}).get("parameters", [])
        }
        for reference in REFERENCE.findall(str(template)):
            if reference not in given | own | outputs | ARGO_VARIABLES:
                found.append(f"{name}: {{{{{reference}}}}} is nothing")
    return found + [f"template {name}: nobody uses it" for name in sorted(set(templates) - used)]


def _task_complaints(name, task, tasks, templates):
    if task["template"] not in templates:
        return [f"{name}/{task['name']}: template {task['template']} is not there"]
    wanted = {each["name"] for each in templates[task["template"]].get("inputs", {}).get("parameters", [])}
    given = {each["name"] for each in task.get("arguments", {}).get("parameters", [])}
    return [f"{name}/{task['name']}: parameter {each} is not given or not wanted" for each in sorted(wanted ^ given)]
