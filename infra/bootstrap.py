#!/usr/bin/env python3
"""Set up .venv: `python3 infra/bootstrap.py`; .venv-serving, -checks or -modern by `serving`, `checks`, `modern`.

Needs only Python 3.8 or newer with pip. Picks a Python (from the PATH, then pyenv, else fetched by uv; for .venv, one
that fits the stack, see pipelines/stack.py), fetches uv from the package index if it is missing, and installs what the
lock names, checked by hash, from the index that pip is configured with (infra/pip_settings.py). Does nothing if the
environment already matches the lock and this folder. .venv-modern is for infra/modern.py.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pip_settings import index_flags, npm_environment, pip_command, uv_environment  # noqa: E402

from pipelines import stack  # noqa: E402  (standard library only)

TOOLS = ROOT / ".tools"
NO_PYTHON = (
    "infra/bootstrap.py: no Python {} on the PATH or below ~/.pyenv/versions, and uv can't fetch {}, as the lines above"
    " say; install one of them, or set UV_PYTHON_INSTALL_MIRROR to a mirror within reach, then run make again"
)

NO_PACKAGES = (
    "infra/bootstrap.py: `npm ci` failed, as the lines above say; name a registry, proxy or certificate within reach in"
    " ~/.npmrc (registry, https-proxy, cafile), then run make again"
)


class Environment:
    """An environment: folder, lock, Pythons, whether it holds the project, the folder that lists its npm packages.

    An environment for another C library than the machine's names the platform that its packages are for.
    """

    def __init__(self, folder, lock, pythons, project=False, node=None, platform=None):
        self.venv, self.lock, self.pythons, self.project = ROOT / folder, ROOT / lock, pythons, project
        self.node = ROOT / node if node else None
        self.platform = ["--python-platform", platform] if platform else []
        self.stamp = self.venv / "lock.sha256"

    def fingerprint(self):
        """Hash of everything the environment depends on, then its folder, because its programs contain that path."""
        digest = hashlib.sha256()
        more = [ROOT / "pyproject.toml"] if self.project else [self.node / "package-lock.json"] if self.node else []
        for path in [self.lock, *more]:
            digest.update(path.read_bytes())
        return "{}\n{}\n".format(digest.hexdigest(), self.venv)

    def read_stamp(self):
        """What the environment was made from; empty if it was never finished."""
        return self.stamp.read_text() if self.stamp.exists() else ""

    def made_as(self):
        """The folder that the environment was made in; None if unknown."""
        return (self.read_stamp().splitlines()[1:2] or [None])[0]

    def outdated(self):
        """Why the environment has to be rebuilt, in words."""
        if self.made_as() not in (None, str(self.venv)):
            return "it was made as {}, and this project is a copy, or was moved".format(self.made_as())
        return "its lock has changed" if self.made_as() else "it is not whole, or of an earlier version of this project"


def chosen(arguments):
    """The environment that the command line names."""
    if arguments == ["serving"]:
        return Environment(".venv-serving", "infra/serving/requirements.lock", stack.MODERN_PYTHONS)
    if arguments == ["checks"]:
        return Environment(".venv-checks", "infra/checks/requirements.lock", stack.MODERN_PYTHONS, node="infra/checks")
    if arguments == ["modern"]:
        platform = "x86_64-manylinux_{}_{}".format(*stack.MODERN_GLIBC)
        return Environment(".venv-modern", "requirements.lock", stack.MODERN_PYTHONS, project=True, platform=platform)
    if arguments:
        sys.exit("usage: python3 infra/bootstrap.py [serving | checks | modern]")
    return Environment(".venv", "requirements.lock", stack.pythons(), project=True)


def candidates(names):
    """Interpreters of the given versions, best first: on the PATH, then below ~/.pyenv/versions.

    Skips those of the project's own environments, which put themselves on the PATH, because they may be about to be
    replaced.
    """
    own = str(ROOT / ".venv")  # and .venv-modern, .venv-serving, .venv-checks
    path = os.pathsep.join(p for p in os.environ.get("PATH", "").split(os.pathsep) if not p.startswith(own))
    for name in names:
        found = shutil.which("python" + name, path=path)
        if found:
            yield found
        # Not Path.home(), which raises if the user has none.
        for folder in sorted(Path(os.path.expanduser("~/.pyenv/versions")).glob(name + ".*"), reverse=True):  # noqa: PTH111
            yield str(folder / "bin" / "python3")


def works(python, name):
    """Tell whether an interpreter runs and has that version; a pyenv shim may not."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip() == name
    except OSError:
        return False


def choose_python(versions, apart=False):
    """Interpreter of the first version that this machine has; if it has none, a bare version for uv to fetch.

    With `apart`, skip interpreters in /usr: another root can only bind one that has a folder of its own.
    """
    for version in versions:
        for python in candidates([version]):
            if works(python, version) and not (apart and os.path.realpath(python).startswith("/usr/bin/")):
                return python
    return versions[-1]


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
    # The other two are settings for packages of one's own, which --target contradicts.
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
    """Tell whether an environment matches its lock."""
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
        print("{} has to be made anew: {}".format(wanted.venv.name, wanted.outdated()), flush=True)
    if wanted.venv.is_symlink() and wanted.made_as() not in (None, str(wanted.venv)):
        wanted.venv.unlink()  # it points to another project's environment, which must survive
    uv, python = find_uv(), choose_python(wanted.pythons, apart=bool(wanted.platform))
    print("setting up {} with Python {} (once; 3 GB at most) ...".format(wanted.venv.name, python), flush=True)
    environment = dict(
        uv_environment(), VIRTUAL_ENV=str(wanted.venv), UV_LINK_MODE=os.environ.get("UV_LINK_MODE", "hardlink")
    )
    environment.pop("PYTHONPATH", None)
    # Like pip, take a package from whichever index has it: each is checked by hash.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    # Trust what the machine trusts: a hospital's network may use its own certificate. Newer and older name of the knob.
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
