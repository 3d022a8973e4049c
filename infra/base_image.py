#!/usr/bin/env python3
"""A base for the images where no registry is within reach: `infra/base_image.py NAME`, then `make images BASE=NAME`.

Debian 13 by debootstrap, with this machine's Python 3.12 in /usr/local, as the usual base has it. Needs root, buildah
and debootstrap. Standard library only; runs on Python 3.8.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from debian import PYTHON, fill
from interpreters import choose_python

VERSION = "3.12"
PROGRAMS = ("buildah", "debootstrap", "unshare")
# Parts of a Python that nothing needs at run time or in a build, and what this machine has installed into it.
LEFT_OUT = shutil.ignore_patterns("__pycache__", "test", "idlelib", "turtledemo", "*.a", "share", "site-packages")

# Parts of Debian that its slim images lack, too, and folders that apt creates again.
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt")


def missing():
    """What keeps this machine from making one, in one line; None if nothing does."""
    if os.geteuid():
        return "needs root, to install Debian into a folder"
    for program in PROGRAMS:
        if not shutil.which(program):
            return "needs {0}; apt-get install {0}".format(program.replace("unshare", "util-linux"))
    if not Path(choose_python([VERSION], apart=True)).is_absolute():
        return "needs a Python {}, on the PATH or of pyenv, that is not Debian's own".format(VERSION)
    return None


def buildah(*words):
    """Run buildah and return its output; exit if it fails."""
    done = subprocess.run(["buildah", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("infra/base_image.py: buildah {} failed; the lines above say why".format(words[0]))
    return done.stdout.strip()


def make(name):
    """Make the image, and leave nothing else behind."""
    python = Path(choose_python([VERSION], apart=True)).resolve().parents[1]
    container = buildah("from", "scratch")
    try:
        root = Path(buildah("mount", container))
        fill(root, PYTHON)
        shutil.rmtree(str(root / "usr" / "local"))
        shutil.copytree(str(python), str(root / "usr" / "local"), symlinks=True, ignore=LEFT_OUT)
        for unused in UNUSED:
            shutil.rmtree(str(root / unused))
        for command in (["ldconfig"], ["/usr/local/bin/python3", "-m", "ensurepip"]):
            subprocess.run(["chroot", str(root), *command], stdout=subprocess.DEVNULL, check=True)
        buildah("umount", container)
        buildah("config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", container)
        buildah("commit", "--quiet", "--format", "docker", container, name)
    finally:
        buildah("rm", container)


def main():
    """Make it, or say in one line why not."""
    if len(sys.argv) != 2:
        sys.exit("usage: python3 infra/base_image.py NAME")
    reason = missing()
    if reason:
        print("infra/base_image.py: " + reason, file=sys.stderr)
        sys.exit(2)
    make(sys.argv[1])


if __name__ == "__main__":
    main()
