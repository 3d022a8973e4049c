"""The Pythons of this machine: on the PATH, and those of pyenv. Runs on Python 3.8."""

import os
import shutil
import subprocess
from pathlib import Path

from environments import ROOT


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
