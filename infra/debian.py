"""Debian 13 by debootstrap: for the modern stack on older machines, for images. Standard library only; Python 3.8."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = "trixie"
PYTHON = [  # what a Python that was built elsewhere needs
    "libssl3t64",
    "libffi8",
    "libsqlite3-0",
    "libbz2-1.0",
    "liblzma5",
    "libreadline8t64",
    "zlib1g",
    "ca-certificates",
]
PACKAGES = [*PYTHON, "libgomp1", "git", "make", "procps"]
BROWSER = ["chromium"]  # for the report's tests; installed by apt, because debootstrap can't order its packages


def cache():
    """Folder of the root; another list of packages means another folder."""
    key = hashlib.sha256(" ".join([SUITE, *sorted(PACKAGES + BROWSER)]).encode()).hexdigest()[:12]
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glioflow" / "{}-{}".format(SUITE, key)


def sources(folder):
    """Yield (address, suites) of each mirror in apt's configuration below `folder`, in either of its two formats."""
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
    """Debian mirror of this machine; None if it isn't Debian or names none (debootstrap then uses its default)."""
    text = Path(release).read_text() if Path(release).is_file() else ""
    named = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)', text))
    for address, suites in sources(Path(apt)):
        if named.get("ID") == "debian" and named.get("VERSION_CODENAME") in suites and address.startswith("http"):
            return address
    return None


def proxied():
    """Environment for debootstrap, with apt's proxy if no other is set."""
    environment = dict(os.environ)
    if shutil.which("apt-config"):
        asked = ["apt-config", "shell", "http_proxy", "Acquire::http::Proxy"]
        answer = subprocess.run(asked, capture_output=True, text=True).stdout
        found = re.match(r"http_proxy='(.+)'", answer)
        if found:
            environment.setdefault("http_proxy", found.group(1))
    return environment


def make_root():
    """Make the Debian root, completely or not at all; do nothing if it exists."""
    place = cache()
    if place.is_dir():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    print("making a Debian 13 root in {} (once; about two minutes, 1 GB) ...".format(place), flush=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=str(place.parent)) as folder:
        fresh = Path(folder) / "root"
        fill(fresh, PACKAGES, BROWSER)
        if not place.is_dir():  # unless another run was quicker
            fresh.rename(place)


def fill(fresh, packages, more=()):
    """Put Debian with these packages into a folder, then `more` by apt; end with the last line of what failed."""
    debootstrap = ["debootstrap", "--variant=minbase", "--include=" + ",".join(packages), SUITE, str(fresh)]
    install = ["chroot", str(fresh), "apt-get", "install", "--yes", "--no-install-recommends", *more]
    environment = dict(proxied(), DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    for command in (debootstrap + ([mirror()] if mirror() else []), *([install] if more else [])):
        private = ["unshare", "--mount", "--propagation", "private", *command]
        done = subprocess.run(private, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            program = os.path.basename(sys.argv[0])  # noqa: PTH119  (a word, no path)
            sys.exit("infra/{}: {} failed: {}".format(program, " ".join(command[:3]), last))
    shutil.rmtree(str(fresh / "var" / "cache" / "apt" / "archives"), ignore_errors=True)
