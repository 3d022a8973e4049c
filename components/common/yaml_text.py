"""YAML 1.2, as DVC reads it: `on` and `NO` are words, `1e-3` is a number, and keys are unique within a mapping."""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError

from components.common.errors import UserError

CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
KEY = re.compile(r'duplicate key "(.*?)" with')


def read_text(path: str | Path, missing: str) -> str:
    """Return the text of a file with its line endings unchanged.

    Args:
        path: the file.
        missing: reason and remedy to report if the file does not exist.

    Raises:
        UserError: the file is missing, unreadable or in another encoding.
    """
    try:
        return Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: {missing}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not UTF-8; save the file in that encoding") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); check its permissions") from error


def parse(text: str, name: str) -> Any:
    """Parse a YAML document.

    Args:
        name: name of its file, for messages.

    Raises:
        UserError: the text is not YAML, or a key is duplicated.
    """
    try:
        return copy.deepcopy(_parsed(text))
    except DuplicateKeyError as error:
        found = KEY.search(str(error.problem))
        key = f"the key {found[1]}" if found else "a key"
        raise UserError(f"{name}: {key} appears twice{_line(error)}; remove one of the two") from error
    except YAMLError as error:
        mark = CONFLICT.search(text)
        if mark:
            line = text.count("\n", 0, mark.start()) + 1
            raise UserError(f"{name}: line {line} begins an unresolved merge; resolve it") from error
        raise UserError(f"{name}: not readable as YAML{_line(error)}; correct it") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets within brackets
        raise UserError(f"{name}: not readable as YAML: a value is too long or too nested; correct it") from error


def read_yaml(path: str | Path, missing: str) -> Any:
    """Read and parse a file.

    Args:
        path, missing: see `read_text`.

    Raises:
        UserError: the file is missing, unreadable, not UTF-8 or not YAML, or a key is duplicated.
    """
    return parse(read_text(path, missing), str(path))


@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    return reader().load(text)  # params.yaml takes 80 ms, and a run reads the same text again and again


def reader() -> YAML:
    """Return a parser with its own state, for values and for nodes."""
    return YAML(typ="safe", pure=True)  # the default is libyaml, which implements YAML 1.1


def _line(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""
