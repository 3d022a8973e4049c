"""The only place that knows the two stacks of packages, chosen by the Python version. Standard library only."""

from __future__ import annotations

import os
import platform
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version

MODERN_GLIBC = (2, 39)  # ml-metadata and tensorflow-data-validation of tfx 1.21 have no wheels for an older one
MODERN_PYTHONS = ["3.12", "3.13", "3.11"]  # best first
CHOICE = "GLIOFLOW_STACK"  # `classic` selects it even if the C library allows the modern one

# Last day of security fixes: Python's by its release schedules, NumPy's by the 24 months of NEP 29.
ENDS = {
    "Python 3.10": date(2026, 10, 31),
    "Python 3.11": date(2027, 10, 31),
    "Python 3.12": date(2028, 10, 31),
    "Python 3.13": date(2029, 10, 31),
    "NumPy 1.26": date(2025, 9, 16),
    "NumPy 2.4": date(2027, 12, 21),
}
# Pins of the classic stack that get no security fixes: only newer releases do, which don't fit the rest of the stack.
LEFT_BEHIND = ("tfx", "tensorflow-cpu", "protobuf", "pyarrow")
ENGINE = "ai-edge-litert"  # for predictions
CPU_BUILD, GPU_BUILD = "tensorflow-cpu", "tensorflow"
PACKAGES = ("tfx", CPU_BUILD, "keras", "apache-beam", "dvc")  # the workflow's most important ones
TO_MODERN = (
    "modern: Debian 13 or Ubuntu 24.04 with a Python 3.11 to 3.13, then `make setup`; here, as root: "
    "`apt-get install debootstrap`, then `python3 infra/modern.py run -- COMMAND`"
)
TO_CLASSIC = f"classic: a Python 3.10 on the PATH, remove .venv, then `{CHOICE}=classic make setup`"


def glibc() -> tuple[int, int] | None:
    """Version of the C library; None if it is not glibc."""
    name, number = platform.libc_ver()
    if name != "glibc":
        return None
    major, minor = number.split(".")[:2]
    return int(major), int(minor)


def pythons() -> list[str]:
    """Python versions that this machine can use, best first: the modern stack's, if the C library allows, then 3.10."""
    library = glibc()
    modern = library is not None and library >= MODERN_GLIBC and os.environ.get(CHOICE) != "classic"
    return [*(MODERN_PYTHONS if modern else []), "3.10"]


def current() -> str:
    """The stack this interpreter belongs to."""
    return "classic" if sys.version_info < (3, 11) else "modern"


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def ends() -> dict[str, date]:
    """Last day of security fixes of this stack's Python and NumPy, if known."""
    numbers = {"Python": platform.python_version(), "NumPy": _installed("numpy") or ""}
    names = [f"{name} {'.'.join(number.split('.')[:2])}" for name, number in numbers.items()]
    return {name: ENDS[name] for name in names if name in ENDS}


def upkeep(today: date) -> list[str]:
    """The parts of this stack without security fixes, and the next one to lose them; one line each."""
    past = [f"{name} ({day})" for name, day in ends().items() if day < today]
    coming = [f"{name} on {day}" for name, day in ends().items() if day >= today]
    lines = [f"past its end    {', '.join(past) or 'nothing'}" + (f"; to come: {', '.join(coming)}" if coming else "")]
    if current() == "classic":
        pins = [f"{package} {_installed(package)}" for package in LEFT_BEHIND if _installed(package)]
        lines.append(f"no fixes for    {', '.join(pins)}: only newer releases get them; see docs/security.md")
    return lines


def describe(today: date | None = None, *, whole: bool = True, image: str | None = None) -> str:
    """Stack, reason, versions, parts past their end of life, the way to the other stack, processors; one line each.

    Args:
        today: day to compare ends of life with; None for this one.
        whole: whether the packages of the whole workflow belong here, rather than those for predictions.
        image: which of the project's images this is; None outside of them. Nothing can be set up inside one.
    """
    library = glibc()
    found = "no glibc" if library is None else f"glibc {library[0]}.{library[1]}"
    if current() == "modern":
        why = f"Python {platform.python_version()} and {found}"
    elif library is not None and library >= MODERN_GLIBC:
        why = f"Python {platform.python_version()}; {found} would allow the modern stack with Python 3.11 to 3.13"
    else:
        why = f"{found}; the modern stack needs glibc {MODERN_GLIBC[0]}.{MODERN_GLIBC[1]} (Debian 13, Ubuntu 24.04)"
    lines = [f"stack            {current()}: {why}"]
    if image:
        lines.append(f"image            {image}")
    if not whole:
        more = "images of the workflow have its packages" if image else "`make setup` installs those of the workflow"
        lines.append(f"packages         for predict and serve; {more}")
    for package in (ENGINE, *(PACKAGES if whole else ())):
        name = GPU_BUILD if package == CPU_BUILD and _installed(GPU_BUILD) else package
        lines.append(f"{name:<16}{_installed(name) or 'missing'}")
    lines += upkeep(today or date.today())
    if not image:
        lines.append(f"other stack      {TO_MODERN if current() == 'classic' else TO_CLASSIC}")
    lines.append(f"processors      {os.cpu_count()}")
    return "\n".join(lines)
