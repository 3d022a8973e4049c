#!/usr/bin/env python3
"""Set up .venv: `python3 infra/bootstrap.py`; .venv-predict, -checks or -modern by `predict`, `checks`, `modern`.

Needs only Python 3.8 or newer with pip. Picks a Python (from the PATH, then pyenv, else fetched by uv; for .venv, one
that fits the stack, see pipelines/stack.py), fetches uv from the package index if it is missing, and installs what the
lock names, checked by hash, from the index that pip is configured with (infra/pip_settings.py). Does nothing if the
environment already matches the lock and this folder. .venv-modern is for infra/modern.py.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

from environments import ROOT, chosen
from interpreters import choose_python
from pip_settings import index_flags, npm_environment, pip_command, uv_environment

TOOLS = ROOT / ".tools"
NO_PYTHON = (
    "infra/bootstrap.py: no Python {} on the PATH or below ~/.pyenv/versions, and uv can't fetch {}, as the lines above"
    " say; install one of them, or set UV_PYTHON_INSTALL_MIRROR to a mirror within reach, then run make again"
)

NO_PACKAGES = (
    "infra/bootstrap.py: `npm ci` failed, as the lines above say; name a registry, proxy or certificate within reach in"
    " ~/.npmrc (registry, https-proxy, cafile), then run make again"
)


def find_uv():
    """Path of uv; fetched with pip into .tools if it is not on the PATH."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(TOOLS / "bin"))
    if uv:
        return uv
    print("fetching uv ...", flush=True)
    pip = [
        *pip_command(),
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--target",
        str(TOOLS),
        "uv",
    ]
    # The other two override users' settings for their own packages, which --target contradicts.
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore", PIP_REQUIRE_VIRTUALENV="0", PIP_USER="0")
    if subprocess.run(pip, env=environment).returncode or not (TOOLS / "bin" / "uv").exists():
        sys.exit("infra/bootstrap.py: could not fetch uv with pip; install uv (or Python's pip) and run make again")
    return str(TOOLS / "bin" / "uv")


def add_node_packages(wanted):
    """Install what package-lock.json names, checked by hash, next to the environment's own Node.js."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(str(wanted.node / name), str(wanted.venv / name))
    programs = wanted.venv / "bin"
    environment = dict(npm_environment(), PATH="{}{}{}".format(programs, os.pathsep, os.environ.get("PATH", "")))
    npm = [str(programs / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    if subprocess.run(npm, cwd=str(wanted.venv), env=environment, stdout=subprocess.DEVNULL).returncode:
        sys.exit(NO_PACKAGES)


def let_programs_be_found(venv):
    """Put an environment's programs on the PATH of whatever runs in it, because `.venv/bin/dvc repro` calls glioflow.

    Python's `site` module runs this line of a .pth file at every start.
    """
    line = (
        "import os, sys; programs = os.path.join(sys.prefix, 'bin'); path = os.environ.get('PATH', os.defpath); "
        "os.environ['PATH'] = path if programs in path.split(os.pathsep) else programs + os.pathsep + path\n"
    )
    for packages in venv.glob("lib/python*/site-packages"):
        (packages / "programs_on_the_path.pth").write_text(line)


@contextmanager
def alone():
    """Wait until no other set-up runs in this checkout: two would clear each other's folders."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def matches(wanted):
    """Return whether an environment matches its lock."""
    return wanted.read_stamp() == wanted.fingerprint()


def set_up(wanted):
    """Set up an environment, or do nothing if it matches its lock."""
    if matches(wanted):
        return
    with alone():
        if not matches(wanted):
            fill(wanted)


def fill(wanted):
    """Rebuild an environment."""
    if wanted.venv.exists():
        print("{} has to be rebuilt: {}".format(wanted.venv.name, wanted.outdated()), flush=True)
    if wanted.venv.is_symlink() and wanted.made_as() not in (None, str(wanted.venv)):
        wanted.venv.unlink()  # it points to another project's environment, which must survive
    uv, python = find_uv(), choose_python(wanted.pythons, apart=bool(wanted.platform))
    print(
        "setting up {} with Python {} (once; {} at most) ...".format(wanted.venv.name, python, wanted.size), flush=True
    )
    environment = dict(
        uv_environment(), VIRTUAL_ENV=str(wanted.venv), UV_LINK_MODE=os.environ.get("UV_LINK_MODE", "hardlink")
    )
    environment.pop("PYTHONPATH", None)
    # Like pip, take a package from whichever index has it: each is checked by hash.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    # Trust what the machine trusts: a hospital's network may use its own certificate. uv has renamed the variable.
    environment.setdefault("UV_SYSTEM_CERTS", "true")
    environment.setdefault("UV_NATIVE_TLS", "true")
    sync = ["pip", "sync", "--quiet", *index_flags()]
    commands = [
        ["venv", "--quiet", "--clear", "--python", python, str(wanted.venv)],
        [*sync, "--require-hashes", "--compile-bytecode", *wanted.platform, str(wanted.lock)],
    ]
    if wanted.project:
        project = ["--no-deps", "--no-build-isolation", *wanted.platform, "--editable", str(ROOT)]
        commands.append(["pip", "install", "--quiet", *project])
    for command in commands:
        if subprocess.run([uv, *command], env=environment, cwd=str(ROOT)).returncode:
            if command[0] == "venv" and python in wanted.pythons:
                sys.exit(NO_PYTHON.format(" or ".join(sorted(wanted.pythons)), python))
            sys.exit("infra/bootstrap.py: `uv {}` failed; the lines above say why".format(" ".join(command[:2])))
    if wanted.project:
        let_programs_be_found(wanted.venv)
    if wanted.node:
        add_node_packages(wanted)
    wanted.stamp.write_text(wanted.fingerprint())


if __name__ == "__main__":
    set_up(chosen(sys.argv[1:]))
