#!/usr/bin/env python3
"""Set up .venv from requirements.lock: `python3 infra/bootstrap.py`. Needs Python 3.8 or newer with pip, nothing else.

Picks the lane (pipelines/lane.py says what that is), a Python for it (PATH, then pyenv, then fetched by uv), fetches
uv from the package index where it is missing, and installs what the lock names, checked by hash. Does nothing where
.venv already matches the lock.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipelines import lane  # noqa: E402  (standard library only)

VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = VENV / "lock.sha256"


def candidates(names):
    """Interpreters of the given versions, best first: on the PATH, then below ~/.pyenv/versions.

    Not .venv's own, which make puts on the PATH: it is about to be replaced.
    """
    path = os.pathsep.join(p for p in os.environ.get("PATH", "").split(os.pathsep) if Path(p) != VENV / "bin")
    for name in names:
        found = shutil.which("python" + name, path=path)
        if found:
            yield found
        for folder in sorted((Path.home() / ".pyenv" / "versions").glob(name + ".*"), reverse=True):
            yield str(folder / "bin" / "python3")


def works(python, name):
    """Tell whether an interpreter runs and has that version (a pyenv shim may not)."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip() == name
    except OSError:
        return False


def choose_python():
    """Interpreter for the best lane that this machine can run; a bare version is for uv to fetch."""
    versions = lane.pythons()
    for version in versions:
        for python in candidates([version]):
            if works(python, version):
                return python
    return versions[-1]


def find_uv():
    """Path of uv, fetched with pip into .tools where it is not on the PATH."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(TOOLS / "bin"))
    if uv:
        return uv
    print("fetching uv ...", flush=True)
    pip = [
        getattr(sys, "_base_executable", sys.executable),  # .venv's own Python, which may be running this, has no pip
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--target",
        str(TOOLS),
        "uv",
    ]
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    if subprocess.run(pip, env=environment).returncode or not (TOOLS / "bin" / "uv").exists():
        sys.exit("infra/bootstrap.py: could not fetch uv with pip; install uv (or Python's pip) and run make again")
    return str(TOOLS / "bin" / "uv")


def fingerprint():
    """Hash of everything the environment depends on."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest() + "\n"


def main():
    """Set up, or do nothing."""
    if STAMP.exists() and STAMP.read_text() == fingerprint():
        return
    uv, python = find_uv(), choose_python()
    print("setting up .venv with Python {} (about 3 GB, once) ...".format(python), flush=True)
    environment = dict(os.environ, VIRTUAL_ENV=str(VENV), UV_LINK_MODE=os.environ.get("UV_LINK_MODE", "hardlink"))
    environment.pop("PYTHONPATH", None)
    # Trust what the machine trusts: a hospital's network may bring its own certificate (old and new name of the knob).
    environment.setdefault("UV_SYSTEM_CERTS", "true")
    environment.setdefault("UV_NATIVE_TLS", "true")
    for command in (
        ["venv", "--quiet", "--clear", "--python", python, str(VENV)],
        ["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", str(ROOT / "requirements.lock")],
        ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        if subprocess.run([uv, *command], env=environment, cwd=str(ROOT)).returncode:
            sys.exit("infra/bootstrap.py: `uv {}` failed; the lines above say why".format(" ".join(command[:2])))
    STAMP.write_text(fingerprint())


if __name__ == "__main__":
    main()
