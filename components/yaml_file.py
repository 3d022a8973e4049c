"""YAML as DVC reads it: version 1.2, in which `on` and `NO` are words; what can't be read is told in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from components.errors import UserError


def read_yaml(path: str | Path, missing: str) -> Any:
    """Read a YAML file.

    Args:
        path: the file.
        missing: what to say where it is not there.

    Raises:
        UserError: it can't be read, isn't UTF-8 or YAML, or holds a key twice.
    """
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path}: {missing}") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); give a YAML file") from error
    try:
        return YAML(typ="safe").load(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not UTF-8; save the file in that encoding") from error
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f", line {mark.line + 1}" if mark else ""
        if isinstance(error, DuplicateKeyError):
            raise UserError(f"{path}: the same key twice{where}; remove one of the two") from error
        raise UserError(f"{path}: not readable as YAML{where}; correct it") from error
