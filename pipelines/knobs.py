"""Parameters as users write them, `segmenter.epochs=5`, set in the text of params.yaml: only their lines change."""

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

BLANK = " \t\r\n"  # as YAML defines it; others, such as the no-break space, belong to the value
BEGIN = re.compile(rf"(?:^|[{BLANK}]+)(?=[A-Za-z_][\w.]*=)")


def split(line: str) -> list[str]:
    """Split a line of settings, `knob=value knob=value`; spaces inside a value, such as a list or a path, stay."""
    settings: list[str] = []
    for part in BEGIN.split(line.strip(BLANK)):
        if settings and _open(settings[-1]):
            settings[-1] += f" {part}"
        elif part:
            settings.append(part)
    return settings


def _open(setting: str) -> bool:
    """Return whether a value opened with a bracket or a quotation mark and has not been closed yet."""
    value = setting.partition("=")[2]
    try:
        yaml_text.reader().load(value)
    except YAMLError:
        return value.startswith(("[", "{", '"', "'"))
    return False


def written(knob: str, value: object) -> str:
    """A setting that gives a parameter exactly this value."""
    return f"{knob}={_flow(value)}"


def put(text: str, settings: Sequence[str], name: str) -> tuple[str, list[str]]:
    """Insert settings into the text of a params.yaml.

    For a parameter with one value per scale, a setting changes that of the chosen scale, unless it names another scale
    or gives all values.

    Args:
        text: content of the file.
        settings: assignments, `knob=value`.
        name: name of the file.

    Returns:
        The new text, and the changes, in words.

    Raises:
        UserError: a setting can't be parsed, names no parameter, or contradicts another.
    """
    wanted: dict[str, str] = {}
    for setting in settings:
        knob, sign, value = setting.partition("=")
        if not sign or not knob.strip(BLANK):
            raise UserError(f"{setting}: no {'knob' if sign else 'value'}; write knob=value")
        knob, value = knob.strip(BLANK), value.strip(BLANK)
        if wanted.setdefault(knob, value) != value:
            raise UserError(f"{knob}: set twice, to {wanted[knob]} and to {value}; choose one")
    changes = []
    for knob in sorted(wanted, key=lambda one: one != "scale"):  # which determines whose value the others set
        text, words = _put(text, knob, _value(knob, wanted[knob]), name)
        changes += words
    return text, changes


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
    nodes = _nodes(text, path)
    changed = replaced(text, nodes, _flow(value)) if nodes else None
    if changed is None or not _is(changed, tree):
        raise UserError(f"{name}: {knob} can't be set without changing other lines; edit the file by hand")
    return changed, [f"{'.'.join(map(str, path))}: {_flow(before)} -> {_flow(value)}"]


def _is(text: str, tree: Any) -> bool:
    """Return whether a document has this content; it may refer to an anchor that is gone."""
    try:
        return bool(yaml_text.reader().load(text) == tree)
    except YAMLError:
        return False


def _path(tree: Any, knob: str, name: str) -> Iterator[str]:
    """Yield the keys that lead to a parameter."""
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


def _value(knob: str, text: str) -> Any:
    """Parse a value written for a parameter: YAML; for a parameter that takes text, such as a path, the text itself."""
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
    """Format a value on one line, valid anywhere in a document."""
    text = _dumped(value, escape=False)
    # YAML folds these like line ends unless they are escaped.
    return _dumped(value, escape=True) if set("\x85\u2028\u2029") & set(text) else text


def _dumped(value: object, *, escape: bool) -> str:
    writer, stream = yaml_text.reader(), io.StringIO()
    writer.default_flow_style, writer.width, writer.allow_unicode = True, 2**20, not escape
    writer.dump({"": value}, stream)  # braces require more quoting than any other context
    return stream.getvalue().strip().removeprefix("{'': ").removesuffix("}")
