"""The project's environments: where each lies, what its lock is, which Pythons fit. Runs on Python 3.8."""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipelines import stack  # noqa: E402  (standard library only)


class Environment:
    """An environment: folder, lock, Pythons, whether it holds the project, the folder that lists its npm packages.

    An environment for another C library than the machine's names the platform that its packages are for. The size is
    an upper limit, shown to users.
    """

    def __init__(self, folder, lock, pythons, project=False, node=None, platform=None, size="3 GB"):
        self.venv, self.lock, self.pythons, self.project = ROOT / folder, ROOT / lock, pythons, project
        self.node, self.size = ROOT / node if node else None, size
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
        return "its lock has changed" if self.made_as() else "it is incomplete, or from an earlier version"


def chosen(arguments):
    """The environment that the command line names."""
    if arguments == ["predict"]:  # its packages have wheels for any C library
        pythons = [*stack.MODERN_PYTHONS, "3.10"]
        return Environment(".venv-predict", "infra/predict/requirements.lock", pythons, project=True, size="half a GB")
    if arguments == ["checks"]:
        return Environment(".venv-checks", "infra/checks/requirements.lock", stack.MODERN_PYTHONS, node="infra/checks")
    if arguments == ["modern"]:
        platform = "x86_64-manylinux_{}_{}".format(*stack.MODERN_GLIBC)
        return Environment(".venv-modern", "requirements.lock", stack.MODERN_PYTHONS, project=True, platform=platform)
    if arguments:
        sys.exit("usage: python3 infra/bootstrap.py [predict | checks | modern]")
    return Environment(".venv", "requirements.lock", stack.pythons(), project=True)
