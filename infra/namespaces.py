"""Run a command in the Debian root, with its own mounts and processes. Standard library only; runs on Python 3.8.

All mounts are made in a private mount namespace, and are gone when the last process ends, however it ends. What the
command writes outside the project is gone, too; only if `infra/modern.py` itself is killed, the files of /tmp stay in
a folder of the machine's /tmp: in memory, a night of tests would not fit.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from debian import cache
from environments import ROOT

NAMES = ("hosts", "resolv.conf")  # in /etc: localhost, the machine's own name, and the name servers
UNBOUND = [(), *((name,) for name in ("usr", "bin", "lib", "etc", "var", "proc", "sys", "dev"))]  # the root's own


def interpreter(venv):
    """Folder of the Python that an environment was made from; None if there is no environment."""
    settings = venv / "pyvenv.cfg"
    found = re.search(r"(?m)^home\s*=\s*(.+)$", settings.read_text()) if settings.is_file() else None
    return Path(found.group(1).strip()).parent if found else None


def bound():
    """Folders that the root sees at their usual paths, outermost first: the project's and the command's."""
    common = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    git = subprocess.run(common, cwd=str(ROOT), capture_output=True, text=True).stdout.strip()
    shared = ROOT.parent / "shared"
    wanted = {ROOT, Path.cwd(), shared, shared.resolve(), *([Path(git)] if git else [])}
    for name in (".venv", ".venv-modern", ".venv-predict", ".venv-checks"):
        python = interpreter(ROOT / name)
        wanted |= {(ROOT / name).resolve(), *([python, python.resolve()] if python else [])}
    return sorted(path for path in wanted if path.is_dir() and path.parts[1:2] not in UNBOUND)


def mount(*arguments):
    """Mount, or end with the message of `mount`."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit("infra/modern.py: " + done.stderr.strip())


def enter(temporary, command):
    """Inside the namespace: build the root's view in memory, with `temporary` as /tmp, and run the command in it."""
    base, here = cache(), Path.cwd()
    view = base.parent / "view"  # filled only inside the namespace; outside it stays an empty folder
    view.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", view)
    for entry in sorted(base.iterdir()):
        place = view / entry.name
        if entry.is_symlink():
            place.symlink_to(os.readlink(str(entry)))  # noqa: PTH115  (Python 3.8)
        elif entry.name in ("usr", "etc", "var", "opt"):
            place.mkdir()
            mount("--bind", "-o", "ro", entry, place)
    for name in NAMES:
        if Path("/etc", name).is_file():
            mount("--bind", "-o", "ro", Path("/etc", name).resolve(), view / "etc" / name)
    for name in ("proc", "sys", "dev", "tmp", "run", "root"):
        (view / name).mkdir(exist_ok=True)
    mount("--bind", temporary, view / "tmp")
    (view / "tmp").chmod(0o1777)
    mount("-t", "proc", "proc", view / "proc")
    mount("--rbind", "/dev", view / "dev")
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", view / "var" / "tmp")
    mount("--bind", "-o", "ro", "/sys", view / "sys")  # joblib counts processors there
    for path in bound():
        place = view / path.relative_to("/")
        place.mkdir(parents=True, exist_ok=True)
        mount("--bind", path, place)
    os.chroot(str(view))
    os.chdir(str(here) if here.is_dir() else str(ROOT))
    environment = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "{}/bin:/usr/bin:/bin:/usr/sbin:/sbin".format(ROOT / ".venv-modern"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERM": os.environ.get("TERM", "dumb"),
    }
    become_init(command, environment)


def become_init(command, environment):
    """Run a command as a namespace's first process must: it adopts orphans and reaps them."""
    child = os.fork()
    if child == 0:
        try:
            os.execvpe(command[0], command, environment)
        except OSError as error:
            sys.exit("infra/modern.py: {}: {}".format(command[0], error.strerror))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == child:
            sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def die_with_parent():
    """Let the kernel kill this process when its parent ends, even if the parent is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def in_namespaces(command):
    """Run a command with its own mounts and processes; everything it started ends with it. Returns its exit status.

    unshare itself ignores SIGTERM and ctrl-C while its child runs.
    """
    own = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen([*own, *command], preexec_fn=die_with_parent) as child:
        try:
            status = child.wait()
        finally:
            child.kill()
    return status if status >= 0 else 128 - status
