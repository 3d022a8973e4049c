"""buildah and podman with a storage of their own, in the user's cache, and within this machine's limits."""

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

PLACE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glioflow" / "containers"
# Another recipe of it means another base.
KEY = hashlib.sha256(b"".join((ROOT / "infra" / name).read_bytes() for name in ("base_image.py", "debian.py")))
BASE = f"localhost/glioflow-base:{KEY.hexdigest()[:12]}"
FREE_GB = 15
PROCESSES = 16_384  # of a container: many, and no more than any machine gives
PODMAN = ["podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "none"]
PROGRAMS = ("podman", "runc")
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{0}/storage"
runroot = "{0}/run"
"""


def missing():
    """What keeps these tests from running here, in one line; None if nothing does."""
    reason = base_image.missing()
    for program in PROGRAMS:
        if not reason and not shutil.which(program):
            reason = f"needs {program}; apt-get install {program}"
    PLACE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(PLACE).free / 1e9
    if not reason and free < FREE_GB:
        reason = f"needs {FREE_GB} GB of free disk; {free:.1f} GB are free"
    return reason


def environment(**more):
    """What makes buildah and podman use that storage, and build without more than root in a sandbox may do."""
    (PLACE / "tmp").mkdir(parents=True, exist_ok=True)
    settings = PLACE / "storage.conf"
    settings.write_text(STORAGE.format(PLACE))
    own = {"CONTAINERS_STORAGE_CONF": str(settings), "TMPDIR": str(PLACE / "tmp"), "BUILDAH_ISOLATION": "chroot"}
    return {**os.environ, **own, **more}


def buildah(*words):
    """Run buildah to its good end; returns what it printed."""
    done = subprocess.run(["buildah", *words], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def limits():
    """Flags for no more open files and processes than this process may have; engines ask for more."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return ["--ulimit", f"nofile={files}:{files}", "--ulimit", f"nproc={PROCESSES}:{PROCESSES}"]


def command(image, *words, flags=()):
    """The command that runs `words` in a container of an image, which is gone afterwards.

    Health checks of Podman's own need systemd; Kubernetes passes over an image's.
    """
    own = ["--rm", "--network", "host", "--no-healthcheck", *limits()]
    return [*PODMAN, "run", *own, *map(str, flags), image, *map(str, words)]


def ran(image, *words, flags=()):
    """Run words in a container, to whichever end."""
    return subprocess.run(command(image, *words, flags=flags), env=environment(), capture_output=True, text=True)


def podman(*words):
    """Another of podman's commands, to its good end; returns what it printed."""
    done = subprocess.run([*PODMAN, *map(str, words)], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
