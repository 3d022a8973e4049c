"""The project that a command refers to: the folder around the working folder, and the code in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from components.common.errors import UserError

MARKS = ("dvc.yaml", "params.yaml")
WORD = b"glioflow"  # in dvc.yaml, as opposed to those of other projects
START = "GLIOFLOW_START"  # click's context stores the folder of the command under this name
CODE = Path("pipelines", "cli.py")
AGAIN = "import sys; sys.argv[0] = 'glioflow'; from pipelines.cli import main; main()"


def root(folder: Path) -> Path | None:
    """The project's top folder, from any folder below it.

    None outside projects, and in a folder with half of one, or with another project that uses DVC: what people leave in
    the folders above, such as /tmp, is not taken for the project.
    """
    for place in (folder, *folder.parents):
        if any(_is_file(place / mark) for mark in MARKS):
            return place if _is_project(place) else None
    return None


def _is_project(place: Path) -> bool:
    if not (all(_is_file(place / mark) for mark in MARKS) and os.path.isdir(place / ".dvc")):  # noqa: PTH112
        return False
    try:
        return WORD in (place / MARKS[0]).read_bytes()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file raises where a folder can't be entered


def here() -> Path:
    """The working folder; raises UserError if somebody has removed it."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UserError("the working folder: it was removed; change to another one") from error


def take_its_code() -> None:
    """If the project here has its own code and another copy's is running, re-execute this command with the former.

    DVC hashes the code in the project, so that is the code that must run: in a copy, in the temporary folder of an
    experiment, or in a clone inside an image, whichever environment is active.
    """
    top = root(here())
    if top is None or not (top / CODE).is_file() or (top / CODE).samefile(Path(__file__).with_name(CODE.name)):
        return
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(top) in path:  # other code was deliberately put before it
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(top), *filter(None, path)])}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-c", AGAIN, *sys.argv[1:]], environment)  # noqa: S606


def enter(context: click.Context) -> None:
    """Change to the project's top folder, to which all its paths are relative."""
    start = here()
    context.meta[START] = start
    top = root(start)
    if top not in (None, start):  # the folder may have no path here, on the disk of another process
        os.chdir(top)


def from_here(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Callback of an input argument: a path in the folder of the command takes precedence over one in the project."""
    return _each(value, lambda place: (context.meta.get(START, Path.cwd()) / place).exists())


def into_here(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Callback of an output option: relative to the folder of the command, unless it is the default."""
    typed = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    return _each(value, lambda place: typed and "://" not in str(place))


def _each(value: Any, is_here: Callable[[Any], bool]) -> Any:
    """Rewrite the paths for which `is_here` holds so that they work from the project's folder."""
    start = click.get_current_context().meta.get(START, Path.cwd())
    if value is None or start == Path.cwd():
        return value
    if isinstance(value, tuple):
        return tuple(_each(each, is_here) for each in value)
    return type(value)(os.path.relpath(start / value)) if is_here(value) else value
