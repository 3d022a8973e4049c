"""Knobs as people write them, `segmenter.epochs=5`, put into the text of params.yaml: of it only their lines change."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ruamel.yaml import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

from components.common import yaml_text
from components.common.errors import UserError
from components.common.params import SCALES, Group, Params
from pipelines.value_text import replaced

BEGIN = re.compile(r"(?:^|\s+)(?=[A-Za-z_][\w.]*=)")


def split(line: str) -> list[str]:
    """The settings of a line, `knob=value knob=value`; spaces inside a value, of a list or of a path, belong to it."""
    settings: list[str] = []
    for part in BEGIN.split(line.strip()):
        if settings and _open(settings[-1]):
            settings[-1] += f" {part}"
        elif part:
            settings.append(part)
    return settings


def _open(setting: str) -> bool:
    """Whether a value has begun with a bracket or a quotation mark, and has not come to the other one."""
    value = setting.partition("=")[2]
    try:
        yaml_text.reader().load(value)
    except YAMLError:
        return value.startswith(("[", "{", '"', "'"))
    return False


def written(knob: str, value: object) -> str:
    """A setting that gives a knob exactly this value."""
    return f"{knob}={_flow(value)}"


def put(text: str, settings: Sequence[str], name: str) -> tuple[str, list[str]]:
    """Put settings into the text of a params.yaml.

    A knob with one value a scale gets it for the scale that is chosen, unless it names another or gives all.

    Args:
        name: of the file.

    Returns:
        The new text, and what has changed, in words.

    Raises:
        UserError: a setting that can't be read, of no knob, or that contradicts another.
    """
    wanted: dict[str, str] = {}
    for setting in settings:
        knob, sign, value = setting.partition("=")
        if not sign or not knob.strip():
            raise UserError(f"{setting}: no {'knob' if sign else 'value'}; write knob=value")
        if wanted.setdefault(knob.strip(), value.strip()) != value.strip():
            raise UserError(f"{knob}: set twice, to {wanted[knob]} and to {value}; choose one")
    told = []
    for knob in sorted(wanted, key=lambda one: one != "scale"):  # which says whose value the others are
        text, words = _put(text, knob, _value(knob, wanted[knob]), name)
        told += words
    return text, told


def _put(text: str, knob: str, value: Any, name: str) -> tuple[str, list[str]]:
    tree = yaml_text.parse(text, name)
    path = [*_path(tree, knob, name)]
    *groups, last = path
    place = tree
    for group in groups:
        place = place[group]
    before = place[last]
    if isinstance(before, dict) and not (isinstance(value, dict) and value.keys() == before.keys()):
        if not set(before) <= set(SCALES):
            raise UserError(f"{knob}: is a group; set one of its knobs, e.g. {knob}.{next(iter(before))}")
        place, last = before, tree["scale"]
        path.append(last)
        if last not in place:
            raise UserError(f"{name}: {knob} has no value for scale {last}; add it to the mapping")
        before = place[last]
    if before == value and type(before) is type(value):
        return text, []
    place[last] = value
    changed = replaced(text, _nodes(text, path), _flow(value))
    if changed is None or yaml_text.parse(changed, name) != tree:
        raise UserError(f"{name}: {knob} can't be set without changing other lines; edit the file by hand")
    return changed, [f"{'.'.join(map(str, path))}: {_flow(before)} -> {_flow(value)}"]


def _path(tree: Any, knob: str, name: str) -> Iterator[str]:
    """The keys that lead to a knob."""
    place = tree
    for part in knob.split("."):
        if not isinstance(place, dict) or part not in place:
            names = [*_names(tree)]
            near = [one for one in names if one.endswith(f".{knob}")] or difflib.get_close_matches(knob, names, 1)
            hint = f"did you mean {' or '.join(near)}?" if near else "the file lists them all"
            raise UserError(f"{name}: {knob}: there is no such knob; {hint}")
        yield part
        place = place[part]


def _names(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and not set(value) <= set(SCALES):
            yield from _names(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _nodes(text: str, path: Sequence[str]) -> list[tuple[Node, Node]]:
    """Key and value of each step of a path, as they lie in the text."""
    node, found = yaml_text.reader().compose(text), []
    for part in path:
        assert isinstance(node, MappingNode)
        found.append(next((key, value) for key, value in node.value if key.value == part))
        node = found[-1][1]
    return found


def _value(knob: str, text: str) -> Any:
    """What was written for a knob: YAML; for a knob that takes a text, such as a path, the text as it stands."""
    try:
        value = yaml_text.reader().load(text)
    except YAMLError as error:
        if _takes_text(knob):
            return text
        raise UserError(f"{knob}={text}: the value is no YAML; quote it, or close its brackets") from error
    by_scale = isinstance(value, dict) and value and set(value) <= set(SCALES)
    return text if _takes_text(knob) and not (value is None or by_scale or text[:1] in "'\"") else value


def _takes_text(knob: str) -> bool:
    kind: Any = Params
    for part in knob.split("."):
        if isinstance(kind, type) and issubclass(kind, Group) and part in kind.model_fields:
            kind = kind.model_fields[part].annotation
    return kind in (str, str | None)


def _flow(value: object) -> str:
    """A value on one line, as it may stand anywhere in a document."""
    writer, stream = yaml_text.reader(), io.StringIO()
    writer.default_flow_style, writer.width = True, 2**20
    writer.dump({"": value}, stream)  # in whose braces more has to be quoted than outside of any
    return stream.getvalue().strip().removeprefix("{'': ").removesuffix("}")
