#!/usr/bin/env python3
"""Resolve every environment from scratch and say what changed: `make lock`.

One resolution of pyproject.toml, for both stacks, classic and modern, gives the lock of the whole project, that of the
images, and that of prediction, so these agree. Each other lock comes from the requirements.in beside it. Locks are
replaced only after all of them have been resolved.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bootstrap import find_uv
from environments import ROOT
from pip_settings import index_flags, uv_environment

PINNED = re.compile(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)")
WHOLE = "requirements.lock"
# Parts of it: the lock of the workflow's images lacks the group dev; that of prediction lacks the extra workflow, too.
PARTS = {
    "infra/docker/requirements.lock": ["--all-extras", "--no-dev"],
    "infra/predict/requirements.lock": ["--extra", "serve", "--no-dev", "--group", "build"],
}
OTHERS = ("infra/checks",)
# .in and .lock each: what the GPU image has instead of the CPU build, all else being equal; what builds the images.
OF_IMAGES = ("infra/docker/gpu", "infra/docker/tools")
# A lock holds the hashes of all files of a release; these may have only some, such as wheels for this machine's Python.
PARTIAL = ("extra-index-url", "find-links")
COMPILE = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--no-header"]


def run(uv, *arguments, cwd):
    """Run uv quietly; if it fails, exit with its own message, which leaves every lock unchanged."""
    flags = index_flags() if arguments[0] != "export" else []  # export resolves nothing
    if subprocess.run([uv, *arguments, *flags, "--quiet"], cwd=str(cwd), env=uv_environment(PARTIAL)).returncode:
        sys.exit("infra/lock.py: `uv {}` failed; the lines above say why, and no lock was changed".format(arguments[0]))


def resolve_project(uv, folder):
    """Resolve pyproject.toml for both stacks into requirements.lock and its parts, without an earlier resolution."""
    apart = folder / "project"  # its overrides must not reach the other environments
    apart.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".python-version"):
        shutil.copy(str(ROOT / name), str(apart / name))
    run(uv, "lock", cwd=apart)
    export = [
        "--format",
        "requirements-txt",
        "--no-emit-project",
        "--no-header",
        "--output-file",
    ]
    for lock, wanted in {WHOLE: ["--all-extras"], **PARTS}.items():
        (folder / lock).parent.mkdir(parents=True, exist_ok=True)
        run(uv, "export", "--frozen", *wanted, *export, "../" + lock, cwd=apart)


def resolve_other(uv, folder, name):
    """Resolve the requirements.in of another environment."""
    (folder / name).mkdir(parents=True)
    shutil.copy(str(ROOT / name / "requirements.in"), str(folder / name))
    files = ["requirements.in", "--output-file", "requirements.lock"]
    run(uv, "pip", "compile", *COMPILE, "--generate-hashes", "--no-emit-index-url", *files, cwd=folder / name)


def resolve_of_images(uv, folder, name):
    """Resolve what only builds of images use, constrained to the packages that requirements.lock just got."""
    shutil.copy(str(ROOT / (name + ".in")), str(folder / (name + ".in")))
    wanted = [
        "--python-version",
        "3.12",
        "--python-platform",
        "x86_64-manylinux_2_39",
        "--constraints",
        "requirements.lock",
    ]
    files = [name + ".in", "--output-file", name + ".lock"]
    run(uv, "pip", "compile", *wanted, "--generate-hashes", "--no-header", "--no-emit-index-url", *files, cwd=folder)


def versions(text):
    """The versions of each package that a lock pins: one, or one per stack."""
    found = {}
    for name, version in PINNED.findall(text):
        found.setdefault(name, []).append(version)
    return found


def changes(before, after):
    """What differs between two locks, one line per package."""
    old, new = versions(before), versions(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield "  {}: {} -> {}".format(*(name, *(", ".join(pins.get(name, ["none"])) for pins in (old, new))))


def main():
    """Resolve all locks, print what changed, replace them."""
    uv, locks = (
        find_uv(),
        [
            *(WHOLE, *PARTS, *("{}/requirements.lock".format(name) for name in OTHERS)),
            *(name + ".lock" for name in OF_IMAGES),
        ],
    )
    with tempfile.TemporaryDirectory(prefix="glioflow-lock-") as temporary:
        folder = Path(temporary)
        resolve_project(uv, folder)
        for name in OTHERS:
            resolve_other(uv, folder, name)
        for name in OF_IMAGES:
            resolve_of_images(uv, folder, name)
        for lock in locks:
            before = (ROOT / lock).read_text() if (ROOT / lock).exists() else ""
            found = list(changes(before, (folder / lock).read_text()))
            print("{}: {}".format(lock, "packages that changed: {}".format(len(found)) if found else "nothing changed"))
            print("".join(line + "\n" for line in found), end="")
        for lock in locks:
            shutil.copy(str(folder / lock), str(ROOT / lock))


if __name__ == "__main__":
    main()
