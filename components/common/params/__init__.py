"""Every parameter of params.yaml: its type, its range, and its value at the chosen scale.

A value that depends on the scale is written as one mapping, `{demo: 4, laptop: 20, full: 100}`; `load` picks the entry
that `scale` names, so there is one copy of the parameters and one switch.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from components.common.errors import UserError
from components.common.params.data import Convert, Demo, Drift, Ingest, Split
from components.common.params.decisions import Assemble, Evaluate, Gate, Registry
from components.common.params.networks import Classifier, Segmenter, Training
from components.common.params.values import NO_TABLE, Group
from components.common.yaml_text import read_yaml

Scale = Literal["demo", "laptop", "full"]
SCALES = ("demo", "laptop", "full")


class Params(Group):
    """All of params.yaml, with one value per parameter."""

    scale: Scale
    source: str
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    demo: Demo
    ingest: Ingest
    split: Split
    convert: Convert
    drift: Drift
    training: Training
    classifier: Classifier
    segmenter: Segmenter
    assemble: Assemble
    evaluate: Evaluate
    gate: Gate
    registry: Registry


def pick(value: Any, scale: str, name: str = "") -> Any:
    """Replace every mapping whose keys are scale names with its value for `scale`.

    Args:
        value: parameters as written.
        scale: name of the scale.
        name: name of the parameter that has this value.

    Raises:
        UserError: a mapping lacks the scale.
    """
    if isinstance(value, dict):
        if value and set(value) <= set(SCALES):
            if scale not in value:
                raise UserError(f"{name}: no value for scale {scale}; add it to the mapping")
            return value[scale]
        return {key: pick(inner, scale, f"{name}.{key}".lstrip(".")) for key, inner in value.items()}
    return value


def parse(tree: Any, name: str = "params.yaml") -> Params:
    """Validate a parsed params.yaml; raises UserError naming the first wrong parameter and the number of others."""
    if not isinstance(tree, dict):
        raise UserError(f"{name}: not a mapping of parameters; restore it with `git checkout {name}`")
    scale = tree.get("scale")
    if scale not in SCALES:
        raise UserError(f"{name}: scale is {scale!r}; choose one of {', '.join(SCALES)}")
    try:
        chosen = pick(tree, scale)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except RecursionError as error:
        raise UserError(f"{name}: an alias stands inside its own anchor; write the value itself") from error
    try:
        return Params.model_validate(chosen)
    except ValidationError as error:
        # A misspelt parameter is also missing under its right name: report it as it was written.
        first, *others = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        parameter, value = ".".join(str(part) for part in first["loc"]), repr(first["input"])
        what = (
            f"there is no such parameter{_meant(parameter, others)}"
            if first["type"] == "extra_forbidden"
            else first["msg"].removeprefix("Value error, ")
        )
        shown = f"; it is {value}" if len(value) < 60 and first["type"] not in ("extra_forbidden", "missing") else ""
        more = f" (and {len(others)} more)" if others else ""
        raise UserError(f"{name}: {parameter}: {what}{shown}{more}") from error


def _meant(parameter: str, others: list[Any]) -> str:
    """Return the missing parameter that most resembles an unknown one."""
    missing = [".".join(map(str, one["loc"])) for one in others if one["type"] == "missing"]
    return "".join(f"; did you mean {near}?" for near in difflib.get_close_matches(parameter, missing, 1))


def load(path: str | Path = "params.yaml") -> Params:
    """Read and check params.yaml."""
    return parse(read_yaml(path, "not here; run glioflow inside the project"), str(path))


def check_paths(tree: dict[str, Any], name: str = "params.yaml") -> None:
    """Refuse parameters that dvc.yaml uses as paths and that are not paths; raises UserError.

    Args:
        tree: parameters that `parse` accepts, as written in the file.
        name: name of the file.
    """
    for parameter, value in {
        "source": tree["source"],
        "split.file": tree["split"]["file"],
        "evaluate.clinical": tree["evaluate"]["clinical"],
        "gate.champion": tree["gate"]["champion"],
    }.items():
        if not isinstance(value, str):
            none = f", or {NO_TABLE} for none" if parameter in ("split.file", "evaluate.clinical") else ""
            raise UserError(f"{name}: {parameter}: stages depend on it; give one path for all scales{none}")
