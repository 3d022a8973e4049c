"""A version made while the registry was not shared, or not reachable: its files and its tag follow before its stage."""

from __future__ import annotations

import contextlib
import io

from components.common.errors import UserError
from components.registry.git import GitError, git
from components.registry.names import ARTIFACT, POINTER
from components.registry.remotes import current_remotes
from components.registry.state import Version


def share(version: Version, remote: str | None) -> None:
    """Push what the remotes lack of a version: its files to DVC's default remote, if there is one, then its tag.

    Args:
        version: the version.
        remote: Git remote that the registry shares; None keeps everything here.

    Raises:
        UserError: a remote is unreachable, or the files are neither there nor here.
    """
    if not remote:
        return
    _push_files(version)
    tag = f"refs/tags/{ARTIFACT}@{version.name}"
    if git("ls-remote", "--tags", remote, tag):
        return
    try:
        git("push", "--quiet", remote, tag)
    except GitError as error:
        raise UserError(
            f"registry: {ARTIFACT}@{version.name} can't be pushed to {remote} ({error}); check your access, and repeat "
            "the command"
        ) from error


def _push_files(version: Version) -> None:
    from dvc.exceptions import InvalidArgumentError
    from dvc.repo import Repo

    remotes = current_remotes()
    try:
        with contextlib.redirect_stderr(io.StringIO()), Repo(config=remotes) as repo:
            if remotes:
                repo.push(targets=[POINTER.as_posix()], revs=[version.commit], workspace=False)
    except InvalidArgumentError:  # of a remote that keeps versions itself, which `register` has pushed to
        return
    except Exception as error:  # every storage has its own family of exceptions
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"registry: the files of {version.name} can't be pushed to DVC's default remote ({reason}); nothing was "
            "changed, because others could not fetch them"
        ) from error
