#!/usr/bin/env python3
"""Run a command in the modern lane where the machine's C library is too old: `infra/modern.py run -- COMMAND`.

The lane's packages lie in .venv-modern, and run in a Debian 13 root that debootstrap makes once and the user's cache
keeps. All mounts are made in a private mount namespace, so they and what is written outside of the project are gone
when the last process ends, however it ends. Standard library only.
"""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import bootstrap
from bootstrap import ROOT, lane

SUITE = "trixie"
PACKAGES = [
    "libssl3t64",
    "libffi8",
    "libsqlite3-0",
    "libbz2-1.0",
    "liblzma5",
    "libreadline8t64",
    "zlib1g",
    "libgomp1",
    "ca-certificates",
    "git",
    "make",
    "procps",
]
BROWSER = ["chromium"]  # of the report's tests; needs apt, because debootstrap can't order its packages
FREE_GB = 6
NAMES = ("hosts", "resolv.conf")  # in /etc: localhost, the machine's own name, and who knows the others
UNBOUND = [(), *((name,) for name in ("usr", "bin", "lib", "etc", "var", "proc", "sys", "dev"))]  # the root's own
USAGE = "usage: python3 infra/modern.py check | test [PYTEST ARGUMENTS] | run -- COMMAND..."
TESTS = ["pytest", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile"]


def native():
    """Tell whether the machine's own C library carries the modern lane."""
    return (lane.glibc() or (0, 0)) >= lane.MODERN_GLIBC


def cache():
    """Folder of the root: another list of packages is another root."""
    key = hashlib.sha256(" ".join([SUITE, *sorted(PACKAGES + BROWSER)]).encode()).hexdigest()[:12]
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glioflow" / "{}-{}".format(SUITE, key)


def missing():
    """What keeps this machine from running the modern lane, in one line; None where nothing does."""
    if native():
        return None
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "needs Linux on x86_64"
    if os.geteuid() != 0:
        return "needs root, to mount and to chroot; run it as root, or on a machine with glibc 2.39 (Debian 13)"
    if not shutil.which("unshare"):
        return "needs unshare; apt-get install util-linux"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "may not make a mount namespace here; allow CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN)"
    if not cache().is_dir() and not shutil.which("debootstrap"):
        return "needs debootstrap for a Debian 13 root; apt-get install debootstrap"
    whole = cache().is_dir() and bootstrap.chosen(["modern"]).stamp.exists()
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if not whole and free < FREE_GB:
        return "needs {} GB of free disk for root and environment; {:.1f} GB are free".format(FREE_GB, free)
    return None


def sources(folder):
    """Mirrors in apt's configuration below `folder`: pairs of address and suites, in both of its formats."""
    paths = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    for path in paths:
        if path.suffix == ".list" and path.is_file():
            for line in path.read_text().splitlines():
                found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s", line + " ")
                if found:
                    yield found.group(1), [found.group(2)]
        elif path.suffix == ".sources" and path.is_file():
            lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
            for block in re.split(r"\n\s*\n", "\n".join(lines)):
                fields = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", block))
                if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes").strip() != "no":
                    for address in fields.get("URIs", "").split():
                        yield address, fields.get("Suites", "").split()


def mirror(apt="/etc/apt", release="/etc/os-release"):
    """Debian mirror of this machine; None where it is no Debian or none is named (debootstrap then knows its own)."""
    text = Path(release).read_text() if Path(release).is_file() else ""
    named = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)', text))
    for address, suites in sources(Path(apt)):
        if named.get("ID") == "debian" and named.get("VERSION_CODENAME") in suites and address.startswith("http"):
            return address
    return None


def proxied():
    """Environment for debootstrap: apt's proxy counts where none is set."""
    environment = dict(os.environ)
    if shutil.which("apt-config"):
        asked = ["apt-config", "shell", "http_proxy", "Acquire::http::Proxy"]
        said = subprocess.run(asked, capture_output=True, text=True).stdout
        found = re.match(r"http_proxy='(.+)'", said)
        if found:
            environment.setdefault("http_proxy", found.group(1))
    return environment


def make_root():
    """Make the Debian root, or do nothing; whole or not at all."""
    place = cache()
    if place.is_dir():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    print("making a Debian 13 root in {} (once; about two minutes, 1 GB) ...".format(place), flush=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=str(place.parent)) as folder:
        log, fresh = Path(folder) / "log", Path(folder) / "root"
        debootstrap = ["debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), SUITE, str(fresh)]
        install = ["chroot", str(fresh), "apt-get", "install", "--yes", "--no-install-recommends", *BROWSER]
        environment = dict(proxied(), DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
        for command in (debootstrap + ([mirror()] if mirror() else []), install):
            with log.open("w") as out:
                private = ["unshare", "--mount", "--propagation", "private", *command]
                failed = subprocess.run(private, env=environment, stdout=out, stderr=subprocess.STDOUT).returncode
            if failed:
                last = (log.read_text().strip().splitlines() or ["no word"])[-1]
                sys.exit("infra/modern.py: {} failed: {}".format(" ".join(command[:3]), last))
        shutil.rmtree(str(fresh / "var" / "cache" / "apt" / "archives"), ignore_errors=True)
        if not place.is_dir():  # another run may have been quicker
            fresh.rename(place)


def interpreter(venv):
    """Folder of the Python that an environment was made from; None where there is none."""
    settings = venv / "pyvenv.cfg"
    found = re.search(r"(?m)^home\s*=\s*(.+)$", settings.read_text()) if settings.is_file() else None
    return Path(found.group(1).strip()).parent if found else None


def bound():
    """Folders that the root sees at their own paths, outermost first: the project's, and where the command runs."""
    common = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    git = subprocess.run(common, cwd=str(ROOT), capture_output=True, text=True).stdout.strip()
    shared = ROOT.parent / "shared"
    wanted = {ROOT, Path.cwd(), shared, shared.resolve(), *([Path(git)] if git else [])}
    for name in (".venv", ".venv-modern", ".venv-serving", ".venv-checks"):
        python = interpreter(ROOT / name)
        wanted |= {(ROOT / name).resolve(), *([python, python.resolve()] if python else [])}
    return sorted(path for path in wanted if path.is_dir() and path.parts[1:2] not in UNBOUND)


def mount(*arguments):
    """Mount, or end with what mount says."""
    said = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if said.returncode:
        sys.exit("infra/modern.py: " + said.stderr.strip())


def enter(command):
    """Inside the namespace: build the root's view on a file system in memory, move into it, run the command."""
    base, here = cache(), Path.cwd()
    view = base.parent / "view"  # the namespace's own; elsewhere it stays an empty folder
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
    """Run a command as the first process of a namespace has to: it inherits orphans, and takes note of their ends."""
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
    """Let the kernel kill this process when its parent ends, also if that is killed itself."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def in_namespaces(command):
    """Run a command in mounts and processes of its own; returns its exit status. All that it started ends with it.

    unshare itself holds SIGTERM and ctrl-C back while its child runs.
    """
    own = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen([*own, *command], preexec_fn=die_with_parent) as child:
        try:
            status = child.wait()
        finally:
            child.kill()
    return status if status >= 0 else 128 - status


def refuse(reason):
    """End with one line and exit status 2."""
    print("infra/modern.py: " + reason, file=sys.stderr)
    sys.exit(2)


def main():
    """Check, or run the command in the modern lane."""
    verb, command = (sys.argv[1:2] or [""])[0], [*sys.argv[3:]] if sys.argv[2:3] == ["--"] else []
    if verb == "inside":
        enter(command)
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
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # so that a half-made root goes
    if native():
        print("glibc {}.{}: `make test` is the modern lane already".format(*lane.glibc()), flush=True)
        bootstrap.set_up(bootstrap.chosen([]))
        os.environ["PATH"] = "{}{}{}".format(ROOT / ".venv" / "bin", os.pathsep, os.environ.get("PATH", ""))
        os.execvp(command[0], command)
    make_root()
    for name in NAMES:
        (cache() / "etc" / name).touch()  # to mount the machine's own over
    bootstrap.set_up(bootstrap.chosen(["modern"]))
    sys.exit(in_namespaces([sys.executable, str(Path(__file__).resolve()), "inside", "--", *command]))


if __name__ == "__main__":
    main()
