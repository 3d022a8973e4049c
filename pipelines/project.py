"""The project that a command is about: the folder around the one where it is given, and the code that lies in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

MARKS = ("dvc.yaml", "params.yaml")
START = "GLIOFLOW_START"  # click's context keeps under this name where the command was given
CODE = Path("pipelines", "cli.py")
AGAIN = "import sys; sys.argv[0] = 'glioflow'; from pipelines.cli import main; main()"


def root(folder: Path) -> Path | None:
    """The project's top folder, from any folder below it; None outside of projects."""
    return next((place for place in (folder, *folder.parents) if all((place / mark).is_file() for mark in MARKS)), None)


def take_its_code() -> None:
    """Where the project here has code of its own and another's is running, run its own in the place of this process.

    DVC hashes the code that lies in the project, so that is what has to run: in a copy, in the temporary folder of an
    experiment, in a clone inside of an image, whichever environment was activated.
    """
    here = root(Path.cwd())
    if here is None or not (here / CODE).is_file() or (here / CODE).samefile(Path(__file__).with_name(CODE.name)):
        return
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(here) in path:  # somebody has put other code before it, on purpose
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *filter(None, path)])}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-c", AGAIN, *sys.argv[1:]], environment)  # noqa: S606


def enter(context: click.Context) -> None:
    """Go to the project's top folder, where all its paths begin."""
    start = Path.cwd()
    context.meta[START] = start
    os.chdir(root(start) or start)


def from_here(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Callback of an argument that is read: what lies where the command was given comes first, then the project's."""
    return _each(value, lambda place: (context.meta.get(START, Path.cwd()) / place).exists())


def into_here(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Callback of an option that is written: it counts from where the command was given, unless it is the default."""
    typed = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    return _each(value, lambda place: typed and "://" not in str(place))


def _each(value: Any, is_here: Callable[[Any], bool]) -> Any:
    """Tell what `is_here` holds for from the project's folder."""
    start = click.get_current_context().meta.get(START, Path.cwd())
    if value is None or start == Path.cwd():
        return value
    if isinstance(value, tuple):
        return tuple(_each(each, is_here) for each in value)
    return type(value)(os.path.relpath(start / value)) if is_here(value) else value
