"""What the stages of dvc.yaml read and write, as far as that is known before the first of them runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from components.common.errors import UserError
from components.common.yaml_text import read_yaml

DVC_FILE = "dvc.yaml"


def stages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the stages of dvc.yaml, by the names that DVC gives them, with their entries.

    Raises:
        UserError: the file is missing or not readable.
    """
    tree = read_yaml(DVC_FILE, "not here; run glioflow in the project's top folder")
    found = tree.get("stages") if isinstance(tree, dict) else None
    if not isinstance(found, dict):
        raise UserError(f"{DVC_FILE}: has no stages; restore it with `git checkout {DVC_FILE}`")
    for name, body in found.items():
        if not isinstance(body, dict):  # DVC will report that
            continue
        if "foreach" in body:
            yield from ((f"{name}@{item}", _of_item(body.get("do", {}), item)) for item in body["foreach"])
        else:
            yield name, body


def _of_item(body: Any, item: str) -> Any:
    if isinstance(body, dict):
        return {_of_item(key, item): _of_item(value, item) for key, value in body.items()}
    if isinstance(body, list):
        return [_of_item(value, item) for value in body]
    return body.replace("${item}", str(item)) if isinstance(body, str) else body


def check_stages(tree: dict[str, Any]) -> None:
    """Refuse to start if the stages would fail over paths.

    Args:
        tree: parameters as written in params.yaml.

    Raises:
        UserError: a stage reads what is not there and no stage writes; a parameter names a stage's output where it
            needs a file of the user's; or training would keep its files where DVC clears them.
    """
    if not Path(DVC_FILE).exists():  # DVC will report that
        return
    read = [*stages()]
    outputs = {_path(out): name for name, body in read for out in paths_of(body, "outs", "metrics", "plots")}
    for name, body in read:
        for dep in paths_of(body, "deps"):
            _check_input(name, *filled(dep, tree), outputs)
    for parameter, inside in (("cache", "glioflow-{}"), ("checkpoints", "{}")):
        place = str(tree["training"][parameter])
        for network in ("classifier", "segmenter") if "://" not in place else ():
            writer = _writer(_path(f"{place}/{inside.format(network)}"), outputs)
            if writer:
                raise UserError(
                    f"params.yaml: training.{parameter}: {place}: stage {writer} writes there, and DVC would clear "
                    "what training keeps; name another folder"
                )


def _check_input(stage: str, path: str, parameter: str | None, outputs: dict[PurePath, str]) -> None:
    here = _path(path)
    writer = _writer(here, outputs)
    if "://" in path or (parameter == "source" and writer == "demo"):
        return
    writer = writer or next((outputs[out] for out in outputs if here in out.parents), None)
    if parameter and writer:
        raise UserError(f"params.yaml: {parameter}: {path}: stage {writer} writes there; name something of your own")
    if not writer and not Path(path).exists():
        raise UserError(_missing(stage, path, parameter))


def _writer(path: PurePath, outputs: dict[PurePath, str]) -> str | None:
    """The stage that writes a path, or a folder around it."""
    return next((outputs[place] for place in (path, *path.parents) if place in outputs), None)


def _missing(stage: str, path: str, parameter: str | None) -> str:
    if Path(f"{path}.dvc").is_file():
        return f"{path}: not here, and stage {stage} reads it; `dvc pull {path}.dvc` fetches it"
    if parameter:
        return f"params.yaml: {parameter}: {path}: no such file or folder; correct its path"
    return f"{path}: not here, and stage {stage} reads it; restore it with `git checkout -- {path}`"


def paths_of(body: dict[str, Any], *kinds: str) -> Iterator[str]:
    """Yield the paths of a stage's entry, of these kinds: deps, outs, metrics, plots."""
    for kind in kinds:
        for entry in body.get(kind, ()):
            yield from entry if isinstance(entry, dict) else [entry]


def filled(dep: str, tree: dict[str, Any]) -> tuple[str, str | None]:
    """Replace a dependency on a parameter with its value; returns also the parameter's name."""
    if not dep.startswith("${"):
        return dep, None
    parameter = dep.removeprefix("${").removesuffix("}")
    value: Any = tree
    for part in parameter.split("."):
        value = value[part]
    return str(value), parameter


def _path(path: str) -> PurePath:
    return PurePath(os.path.normpath(Path.cwd() / path))
