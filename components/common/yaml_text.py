"""YAML 1.2, as DVC reads it: `on` and `NO` are words, `1e-3` is a number, and a key stands in a mapping once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError

from components.common.errors import UserError

KEY = re.compile(r'duplicate key "(.*?)" with')


def read_text(path: str | Path) -> str:
    """Text of a file, its line ends as they are.

    Raises:
        UserError: it can't be read, or is in another encoding.
        FileNotFoundError: there is none.
    """
    try:
        return Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not UTF-8; save the file in that encoding") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); see to its permissions") from error


def parse(text: str, name: str) -> Any:
    """Value of a YAML document.

    Args:
        name: of its file.

    Raises:
        UserError: it is no YAML, or a key stands in it twice.
    """
    try:
        return reader().load(text)
    except DuplicateKeyError as error:
        found = KEY.search(str(error.problem))
        key = f"the key {found[1]}" if found else "a key"
        raise UserError(f"{name}: {key} stands there twice{_line(error)}; remove one of the two") from error
    except YAMLError as error:
        raise UserError(f"{name}: not readable as YAML{_line(error)}; correct it") from error


def read_yaml(path: str | Path, missing: str) -> Any:
    """Read and parse a file.

    Args:
        path: the file.
        missing: reason and remedy where it is not there.

    Raises:
        UserError: it isn't there, can't be read, isn't UTF-8 or YAML, or holds a key twice.
    """
    try:
        return parse(read_text(path), str(path))
    except FileNotFoundError as error:
        raise UserError(f"{path}: {missing}") from error


def reader() -> YAML:
    """A parser of its own state, for values and for nodes."""
    return YAML(typ="safe", pure=True)  # the other one is libyaml, which reads version 1.1


def _line(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""
