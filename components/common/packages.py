"""Packages that only some commands need, and what to say where they are missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from components.common.errors import UserError

OWN = ("components", "models", "pipelines")
SERVE = ("orjson", "prometheus_client", "starlette", "uvicorn")
WORKFLOW = ("dvc", "gto")  # stand for all packages of that extra


def need(*modules: str) -> None:
    """Refuse to go on without these modules, before anything is written; imports none of them.

    Raises:
        UserError: one of them is not installed; says what to install.
    """
    for module in modules:
        if find_spec(module) is None:
            raise UserError(_words(module))


def missing(error: BaseException) -> str | None:
    """Say what to install for an import that failed; None if it failed for another reason, which is a bug."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    module = error.name.partition(".")[0]
    return None if module in (*OWN, *sys.stdlib_module_names) else _words(module)


def _words(module: str) -> str:
    extra, target = ("serve", "predict-setup") if module in SERVE else ("workflow", "setup")
    return (
        f"{module} is not installed, and this needs it; in the project's folder, run `make {target}`, "
        f"or `pip install '.[{extra}]'`"
    )
