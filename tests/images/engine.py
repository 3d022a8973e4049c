"""Runs buildah and podman with their own storage, in the user's cache, and within this machine's limits."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

sys.path.insert(0, str(ROOT / "infra"))

import base_image

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glioflow" / "containers"
# A changed recipe gives the base another name.
KEY = hashlib.sha256(b"".join((ROOT / "infra" / name).read_bytes() for name in ("base_image.py", "debian.py")))
BASE = f"localhost/glioflow-base:{KEY.hexdigest()[:12]}"
FREE_GB = 15
PROCESSES = 16_384  # limit of a container: enough, and not more than any machine allows
PODMAN = ["podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "none"]
PROGRAMS = ("podman", "runc")
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{0}/storage"
runroot = "{0}/run"
"""


def missing():
    """Return in one line why these tests can't run here, or None if they can."""
    reason = base_image.missing()
    for program in PROGRAMS:
        if not reason and not shutil.which(program):
            reason = f"needs {program}; apt-get install {program}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(FOLDER).free / 1e9
    if not reason and free < FREE_GB:
        reason = f"needs {FREE_GB} GB of free disk; {free:.1f} GB are free"
    return reason


def environment(**more):
    """Return variables that make buildah and podman use that storage, and build with only a sandbox's rights."""
    (FOLDER / "tmp").mkdir(parents=True, exist_ok=True)
    settings = FOLDER / "storage.conf"
    settings.write_text(STORAGE.format(FOLDER))
    defaults = {"CONTAINERS_STORAGE_CONF": str(settings), "TMPDIR": str(FOLDER / "tmp"), "BUILDAH_ISOLATION": "chroot"}
    return {**os.environ, **defaults, **more}


def buildah(*words):
    """Run buildah, which has to succeed; return its output."""
    result = subprocess.run(["buildah", *words], env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def limits():
    """Return flags that lower the engine's default limits to the open files this process may have, and PROCESSES."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return ["--ulimit", f"nofile={files}:{files}", "--ulimit", f"nproc={PROCESSES}:{PROCESSES}"]


def command(image, *words, flags=()):
    """Return the command that runs `words` in a container of an image and removes the container afterwards.

    Podman's health checks need systemd, and Kubernetes ignores those of an image.
    """
    defaults = ["--rm", "--network", "host", "--no-healthcheck", *limits()]
    return [*PODMAN, "run", *defaults, *map(str, flags), image, *map(str, words)]


def run_in_container(image, *words, flags=()):
    """Run words in a container, which may fail."""
    return subprocess.run(command(image, *words, flags=flags), env=environment(), capture_output=True, text=True)


def podman(*words):
    """Run another of podman's commands, which has to succeed; return its output."""
    result = subprocess.run([*PODMAN, *map(str, words)], env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
