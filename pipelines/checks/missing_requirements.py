"""Which requirements an installation lacks, judged by package metadata; imports none of the packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec

from packaging.requirements import Requirement

from components.common import packages
from pipelines import stack

PROJECT = "glioflow"
# Extras of an installation for predictions, and of one for the whole workflow.
PREDICTION, WHOLE = ("serve",), ("workflow", "serve", "gcs")
# Somebody who has one of these wants the whole workflow; an image says by itself what it is.
OF_THE_WORKFLOW = (*stack.PACKAGES, stack.GPU_BUILD)
STAND_INS = {stack.CPU_BUILD: stack.GPU_BUILD, stack.GPU_BUILD: stack.CPU_BUILD}  # either will do
# A module for packages that hold most of the files, because metadata may be left where files are not.
MODULES = {
    "ai-edge-litert": "ai_edge_litert",
    "apache-beam": "apache_beam",
    "dvc": "dvc",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tfx": "tfx",
}
PROGRAMS = ("git",)  # which DVC and the registry start


def installed(package: str) -> str | None:
    """Version of a package, "broken" if only its metadata is left, None if it is not here."""
    try:
        version = distribution(package).version
    except PackageNotFoundError:
        return None
    module = MODULES.get(package)
    return version if module is None or find_spec(module) else "broken"


def whole() -> bool:
    """Return whether this is an installation of the whole workflow, rather than one for predictions."""
    image = os.environ.get(packages.IMAGE)
    return image != packages.SMALL if image else any(installed(name) for name in OF_THE_WORKFLOW)


def missing() -> list[str]:
    """Packages, at any depth, and programs that are needed and not here, or of another version than needed."""
    extras = WHOLE if whole() else PREDICTION if os.environ.get(packages.IMAGE) or _serves() else ()
    found = [] if not whole() else [f"the program {name}" for name in PROGRAMS if shutil.which(name) is None]
    if _metadata(PROJECT) is None:
        return [*found, PROJECT]
    return sorted({*found, *_walk(PROJECT, frozenset(extras), set())})


def _serves() -> bool:
    return any(find_spec(module) for module in packages.SERVE)


def _metadata(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _walk(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Yield what is missing of a package and its requirements.

    Args:
        name: name of the package.
        extras: its extras that are needed.
        seen: packages and extras that were visited; grows.
    """
    name = name.lower().replace("_", "-")
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    here = _metadata(name) or _metadata(STAND_INS.get(name, name))
    if here is None or installed(name) == "broken":
        yield stack.CPU_BUILD if name in STAND_INS else name
        return
    for line in here.requires or []:
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            other = _metadata(wanted.name)
            if other and not wanted.specifier.contains(other.version, prereleases=True):
                yield f"{wanted.name}{wanted.specifier} ({other.version} is here)"
            yield from _walk(wanted.name, frozenset(wanted.extras), seen)
