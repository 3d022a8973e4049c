"""Assignments put into the text of params.yaml: only their lines change."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from ruamel.yaml import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

from components.common import yaml_text
from components.common.errors import UserError
from components.common.params import SCALES
from pipelines.editing.assignments import BLANK, flow, read_value
from pipelines.editing.value_text import replaced


def put(text: str, settings: Sequence[str], file: str) -> tuple[str, list[str]]:
    """Insert settings into the text of a params.yaml.

    For a parameter with one value per scale, a setting changes that of the chosen scale, unless it names another scale
    or gives all values.

    Args:
        text: content of the file.
        settings: assignments, `name=value`.
        file: name of the file.

    Returns:
        The new text, and the changes, in words.

    Raises:
        UserError: a setting can't be parsed, names no parameter, or contradicts another.
    """
    wanted: dict[str, str] = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign or not name.strip(BLANK):
            raise UserError(f"{setting}: no {'name' if sign else 'value'}; write name=value")
        name, value = name.strip(BLANK), value.strip(BLANK)
        if wanted.setdefault(name, value) != value:
            raise UserError(f"{name}: set twice, to {wanted[name]} and to {value}; choose one")
    changes = []
    for name in sorted(wanted, key=lambda one: one != "scale"):  # which determines whose value the others set
        text, words = _put(text, name, read_value(name, wanted[name]), file)
        changes += words
    return text, changes


def _put(text: str, name: str, value: Any, file: str) -> tuple[str, list[str]]:
    tree = yaml_text.parse(text, file)
    path = [*_path(tree, name, file)]
    *groups, last = path
    place = tree
    for group in groups:
        place = place[group]
    before = place[last]
    if isinstance(before, dict) and not (isinstance(value, dict) and value.keys() == before.keys()):
        if not set(before) <= set(SCALES):
            raise UserError(f"{name}: is a group; set one of its parameters, e.g. {name}.{next(iter(before))}")
        place, last = before, tree["scale"]
        path.append(last)
        if last not in place:
            raise UserError(f"{file}: {name} has no value for scale {last}; add it to the mapping")
        before = place[last]
    if before == value and type(before) is type(value):
        return text, []
    place[last] = value
    nodes = _nodes(text, path)
    changed = replaced(text, nodes, flow(value)) if nodes else None
    if changed is None or not _is(changed, tree):
        raise UserError(f"{file}: {name} can't be set without changing other lines; edit the file by hand")
    return changed, [f"{'.'.join(map(str, path))}: {flow(before)} -> {flow(value)}"]


def _is(text: str, tree: Any) -> bool:
    """Return whether a document has this content; it may refer to an anchor that is gone."""
    try:
        return bool(yaml_text.reader().load(text) == tree)
    except YAMLError:
        return False


def _path(tree: Any, name: str, file: str) -> Iterator[str]:
    """Yield the keys that lead to a parameter."""
    place = tree
    for part in name.split("."):
        if not isinstance(place, dict) or part not in place:
            names = [*_names(tree)]
            near = [one for one in names if one.endswith(f".{name}")] or difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {' or '.join(near)}?" if near else "the file lists them all"
            raise UserError(f"{file}: {name}: there is no such parameter; {hint}")
        yield part
        place = place[part]


def _names(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and not set(value) <= set(SCALES):
            yield from _names(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _nodes(text: str, path: Sequence[str]) -> list[tuple[Node, Node]]:
    """Key and value node of each step of a path, as located in the text; none if a merge key (`<<`) brings it in."""
    node, found = yaml_text.reader().compose(text), []
    for part in path:
        assert isinstance(node, MappingNode)
        steps = [(key, value) for key, value in node.value if key.value == part]
        if not steps:
            return []
        found.append(steps[0])
        node = found[-1][1]
    return found
