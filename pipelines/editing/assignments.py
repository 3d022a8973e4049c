"""Assignments, `segmenter.epochs=5`: from a line to its parts, and between a value and its text."""

from __future__ import annotations

import io
import re
from typing import Any

from ruamel.yaml import YAMLError

from components.common import yaml_text
from components.common.errors import UserError
from components.common.params import SCALES, Params
from components.common.params.values import Group

BLANK = " \t\r\n"  # as YAML defines it; others, such as the no-break space, belong to the value
BEGIN = re.compile(rf"(?:^|[{BLANK}]+)(?=[A-Za-z_][\w.]*=)")


def split(line: str) -> list[str]:
    """Split a line of settings, `name=value name=value`; spaces inside a value, such as a list or a path, stay."""
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
    except (YAMLError, ValueError, RecursionError):
        return value.startswith(("[", "{", '"', "'"))
    return False


def written(name: str, value: object) -> str:
    """A setting that gives a parameter exactly this value."""
    return f"{name}={flow(value)}"


def read_value(name: str, text: str) -> Any:
    """Parse a value written for a parameter: YAML; for a parameter that takes text, such as a path, the text itself."""
    try:
        value = yaml_text.reader().load(text)
    except (YAMLError, ValueError, RecursionError) as error:  # ValueError: 2001-99-99, `!!int x`
        if _takes_text(name) and text[:1] not in ("'", '"'):
            return text
        raise UserError(f"{name}={text}: the value is no YAML; quote it, or close its quotes and brackets") from error
    by_scale = isinstance(value, dict) and value and set(value) <= set(SCALES)
    return text if _takes_text(name) and not (value is None or by_scale or text[:1] in "'\"") else value


def _takes_text(name: str) -> bool:
    kind: Any = Params
    for part in name.split("."):
        if isinstance(kind, type) and issubclass(kind, Group) and part in kind.model_fields:
            kind = kind.model_fields[part].annotation
    return kind in (str, str | None)


def flow(value: object) -> str:
    """Format a value on one line, valid anywhere in a document."""
    text = _dumped(value, escape=False)
    # YAML folds these like line ends unless they are escaped.
    return _dumped(value, escape=True) if set("\x85\u2028\u2029") & set(text) else text


def _dumped(value: object, *, escape: bool) -> str:
    writer, stream = yaml_text.reader(), io.StringIO()
    writer.default_flow_style, writer.width, writer.allow_unicode = True, 2**20, not escape
    writer.dump({"": value}, stream)  # braces require more quoting than any other context
    return stream.getvalue().strip().removeprefix("{'': ").removesuffix("}")
