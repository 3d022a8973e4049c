"""The one place that knows the two lanes of the stack, chosen by the Python version. Standard library only."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

MODERN_GLIBC = (2, 39)  # ml-metadata and tensorflow-data-validation of tfx 1.21 ship no wheels for an older one
MODERN_PYTHONS = ["3.12", "3.13", "3.11"]  # best first


def glibc() -> tuple[int, int] | None:
    """Version of the C library; None where it is not glibc."""
    name, number = platform.libc_ver()
    if name != "glibc":
        return None
    major, minor = number.split(".")[:2]
    return int(major), int(minor)


def pythons() -> list[str]:
    """Python versions this machine can use, best first: the modern lane's where the C library allows, then classic."""
    library = glibc()
    modern = MODERN_PYTHONS if library is not None and library >= MODERN_GLIBC else []
    return [*modern, "3.10"]


def current() -> str:
    """The lane this interpreter belongs to."""
    return "classic" if sys.version_info < (3, 11) else "modern"


def describe() -> str:
    """Lane, why, versions and processors, a line each."""
    library = glibc()
    found = "no glibc" if library is None else f"glibc {library[0]}.{library[1]}"
    if current() == "modern":
        why = f"Python {platform.python_version()} and {found}"
    elif library is not None and library >= MODERN_GLIBC:
        why = f"Python {platform.python_version()}; {found} would allow the modern lane with Python 3.11 to 3.13"
    else:
        why = f"{found}; the modern lane needs glibc {MODERN_GLIBC[0]}.{MODERN_GLIBC[1]} (Debian 13, Ubuntu 24.04)"
    lines = [f"lane            {current()}: {why}"]
    for package in ("tfx", "tensorflow-cpu", "keras", "apache-beam", "dvc"):
        try:
            lines.append(f"{package:<16}{version(package)}")
        except PackageNotFoundError:
            lines.append(f"{package:<16}missing; run `make setup`")
    lines.append(f"processors      {os.cpu_count()}")
    return "\n".join(lines)
