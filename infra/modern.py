#!/usr/bin/env python3
"""Run a command in the modern stack although the machine's C library is too old: `infra/modern.py run -- COMMAND`.

The stack's packages lie in .venv-modern. They run in a Debian 13 root, which debootstrap makes once and the user's
cache keeps (`debian.py`), inside namespaces (`namespaces.py`). Standard library only.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import bootstrap
from debian import cache, make_root
from environments import ROOT, stack
from namespaces import NAMES, enter, in_namespaces

FREE_GB = 6
USAGE = "usage: python3 infra/modern.py check | test [PYTEST ARGUMENTS] | run -- COMMAND..."
TESTS = ["pytest", "@{}".format(ROOT / "tests" / "parallel.args")]


def native():
    """Tell whether the machine's own C library supports the modern stack."""
    return (stack.glibc() or (0, 0)) >= stack.MODERN_GLIBC


def missing():
    """What keeps this machine from running the modern stack, in one line; None if nothing does."""
    if native():
        return None
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "needs Linux on x86_64"
    if os.geteuid() != 0:
        return "needs root, to mount and to chroot; run it as root, or on a machine with glibc 2.39 (Debian 13)"
    if not shutil.which("unshare"):
        return "needs unshare; apt-get install util-linux"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "can't create a mount namespace here; allow CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN)"
    if not cache().is_dir() and not shutil.which("debootstrap"):
        return "needs debootstrap for a Debian 13 root; apt-get install debootstrap"
    whole = cache().is_dir() and bootstrap.chosen(["modern"]).stamp.exists()
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if not whole and free < FREE_GB:
        return "needs {} GB of free disk for root and environment; {:.1f} GB are free".format(FREE_GB, free)
    return None


def refuse(reason):
    """End with one line and exit status 2."""
    print("infra/modern.py: " + reason, file=sys.stderr)
    sys.exit(2)


def main():
    """Check, or run the command in the modern stack."""
    verb, command = (sys.argv[1:2] or [""])[0], [*sys.argv[3:]] if sys.argv[2:3] == ["--"] else []
    if verb == "inside":
        enter(sys.argv[2], sys.argv[4:])
    if verb not in ("check", "run", "test") or (verb == "run" and not command):
        refuse(USAGE)
    reason = missing()
    if reason:
        refuse(reason)
    if verb == "check":
        return
    if verb == "test":
        command = TESTS + sys.argv[2:]
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # so that a half-made root is removed
    if native():
        print("glibc {}.{}: `make test` is the modern stack already".format(*stack.glibc()), flush=True)
        bootstrap.set_up(bootstrap.chosen([]))
        os.environ["PATH"] = "{}{}{}".format(ROOT / ".venv" / "bin", os.pathsep, os.environ.get("PATH", ""))
        os.execvp(command[0], command)
    make_root()
    for name in NAMES:
        (cache() / "etc" / name).touch()  # a place to mount the machine's own
    bootstrap.set_up(bootstrap.chosen(["modern"]))
    with tempfile.TemporaryDirectory(prefix="glioflow-modern-") as temporary:
        inside = [sys.executable, str(Path(__file__).resolve()), "inside", temporary, "--"]
        sys.exit(in_namespaces(inside + command))


if __name__ == "__main__":
    main()
