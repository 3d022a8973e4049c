"""Which code and which packages a run was made with."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("glioflow", "tfx", "tensorflow", "tensorflow-cpu", "keras", "tensorflow-data-validation"),
    *(
        "tensorflow-model-analysis",
        "apache-beam",
        "dvc",
        "numpy",
        "pandas",
        "scipy",
        "scikit-learn",
        "nibabel",
        "pydicom",
    ),
)
# What a run depends on; its own outputs do not count as changes to the code.
CODE = ("components", "models", "pipelines", "params.yaml", "dvc.yaml", "pyproject.toml", "requirements.lock")
UNKNOWN = "unknown"


def code_version(folder: str | Path = ".") -> str:
    """Return the commit of the repository in `folder` and whether code or parameters differ; "unknown" without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    present = [name for name in CODE if Path(folder, name).exists()]
    changed = _git(folder, "status", "--porcelain", "--", *present)
    return f"{commit}, with changes that are not committed" if changed else commit


def _git(folder: str | Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607  whichever git the user has
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def packages() -> dict[str, str]:
    """Versions of Python and of the installed packages."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
