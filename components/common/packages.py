"""Packages that only some commands need, and what to say where they are missing."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from components.common.errors import UserError

OWN = ("components", "models", "pipelines")
GCS = ("gcsfs",)
SERVE = ("orjson", "prometheus_client", "starlette", "uvicorn")
WORKFLOW = ("dvc", "gto")  # stand for all packages of that extra
IMAGE = "GLIOFLOW_IMAGE"  # set in the project's images: which of them this is
SMALL = "predict"  # the one without the workflow


def need(*modules: str) -> None:
    """Refuse to go on without these modules, before anything is written; imports none of them.

    Raises:
        UserError: one of them is not installed; says what to install.
    """
    for module in modules:
        if find_spec(module) is None:
            raise UserError(f"{module} {remedy(module)}")


def missing(error: BaseException) -> str | None:
    """Return what to install for an import that failed; None if it failed for another reason, which is a bug."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    module = error.name.partition(".")[0]
    return None if module in (*OWN, *sys.stdlib_module_names) else f"{module} {remedy(module)}"


def remedy(module: str) -> str:
    """Return what to do about a module that is not installed."""
    extra = "serve" if module in SERVE else "gcs" if module in GCS else "workflow"
    project = "in the project's folder, run `make setup`, which installs everything, or `pip install '.[{}]'`"
    return f"is not installed, and this needs it; {in_image(extra) or project.format(extra)}"


def setup() -> str:
    """Return in a few words how to get the packages of the workflow, wherever this runs."""
    return in_image("workflow") or "run `make setup`"


def starter(source: str | None = None) -> str:
    """Return the command that runs the workflow, on scans from a source if there is one, wherever this runs."""
    command, option = ("glioflow run", "--source ") if os.environ.get(IMAGE) else ("make run", "SOURCE=")
    return f"{command} {option}{source}" if source else command


def in_image(extra: str) -> str | None:
    """Return how to get the packages of an extra inside an image, which has to be replaced; None elsewhere."""
    image = os.environ.get(IMAGE)
    if not image:
        return None
    if image == SMALL and extra != "serve":
        return "use an image of the workflow: this one can only predict and serve"
    return "this image is damaged: pull it again, or rebuild it"
