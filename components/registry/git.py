"""Git, by its own command: what GTO and DVC have no call for."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from components.common.errors import UserError


class GitError(UserError):
    """Git refused; the message is its own, in one line."""


def git(*arguments: str, more: Mapping[str, str] | None = None) -> str:
    """Run Git in the working folder; returns what it printed.

    Args:
        more: environment variables beside those that are set.

    Raises:
        GitError: it failed.
    """
    # Its messages in English, and no question that nobody would answer.
    environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **(more or {})}
    try:
        result = subprocess.run(
            ["git", *arguments],  # noqa: S607  whichever git the user has
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
    except OSError as error:
        raise GitError(f"git: can't be run ({error.strerror}); install it") from error
    if result.returncode:
        said = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
        raise GitError(f"git {arguments[0]}: {' '.join(said) or f'exit status {result.returncode}'}")
    return result.stdout.strip()


def has_commit() -> bool:
    """Whether this is a repository with at least one commit."""
    try:
        git("rev-parse", "--verify", "--quiet", "HEAD")
    except GitError:
        return False
    return True


@contextmanager
def locked() -> Iterator[None]:
    """Let one process at a time change the registry of this repository; others wait."""
    folder = Path(git("rev-parse", "--git-common-dir"))
    with (folder / "glioflow.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch_tags(remote: str | None) -> None:
    """Bring the remote's tags here; raises GitError where it can't be reached, or a tag differs from the one here."""
    if remote:
        git("fetch", "--quiet", remote, "refs/tags/*:refs/tags/*")


def publish_tag(remote: str | None, tag: str) -> bool:
    """Push a tag. The remote lets nobody replace one; where it has this one already, it is taken back here.

    Returns:
        Whether the tag stands; False where somebody was faster.

    Raises:
        GitError: anything else went wrong; the tag is taken back, too.
    """
    if not remote:
        return True
    try:
        git("push", "--quiet", remote, f"refs/tags/{tag}")
    except GitError as error:
        git("tag", "--delete", tag)
        if "rejected" in str(error) and "already exists" in str(error):
            return False
        raise
    return True
