"""Git commands for which GTO and DVC have no API."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from components.common.errors import TransientError, UserError
from components.registry.names import ARTIFACT

NO_REPOSITORY = (
    "no Git repository here; a downloaded archive has none: clone the project instead, or `git init`, `git add .`, "
    "`git commit -m start`"
)

# Git's messages if the server is unreachable or overloaded, whatever the address; `grep -E` takes the pattern, too.
UNREACHABLE = (
    "Could not resolve|name resolution|[Cc]onnection (refused|reset|timed out|closed)|[Oo]peration timed out"
    "|[Ff]ailed to connect|Couldn.t connect|(Network|Host) is (unreachable|down)|No route to host|Empty reply"
    "|early EOF|unexpected disconnect|hung up unexpectedly|RPC failed|Recv failure|Send failure|SSL_ERROR_SYSCALL"
    "|returned error: (408|429|5[0-9][0-9])"
)
REFUSED = "Permission denied|Authentication failed|could not read Username|[Rr]epository not found"

LOCK_HEADER = "the registry's tags when a change began:"


class GitError(UserError):
    """A Git error; the message is Git's own, in one line."""


class RemoteAwayError(GitError, TransientError):
    """The Git server does not answer, or not as it should."""


class TagsDifferError(GitError):
    """The remote has another tag of the same name."""


class NoRepositoryError(GitError):
    """The working folder is not in a Git repository."""


def git(*arguments: str, more: Mapping[str, str] | None = None) -> str:
    """Run Git in the working folder and return its output.

    Args:
        more: additional environment variables.

    Raises:
        RemoteAwayError: the server is away.
        GitError: the command failed in another way.
    """
    # Messages in English, and no prompts that nobody would answer.
    environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **(more or {})}
    try:
        result = subprocess.run(
            ["git", *arguments],  # noqa: S607  whichever git the user has
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
    except OSError as error:
        raise GitError(f"git: can't be run ({error.strerror}); install it") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
        if "not a git repository" in result.stderr:
            raise NoRepositoryError(_damaged() or NO_REPOSITORY)
        away = re.search(UNREACHABLE, result.stderr) and not re.search(REFUSED, result.stderr)
        kind = RemoteAwayError if away else GitError
        raise kind(f"git {arguments[0]}: {' '.join(lines) or f'exit status {result.returncode}'}")
    return result.stdout.strip()


def _damaged() -> str | None:
    """What to do about a repository that is there, but that Git does not recognise."""
    here = Path.cwd()
    for place in (here, *here.parents):
        path = place / ".git"
        if path.is_file():  # of a worktree or a submodule
            return f"{path}: points to no Git repository, because one of the two was moved; clone the project again"
        if (path / "HEAD").exists() or (path / "objects").is_dir():
            return f"{path}: a damaged Git repository; restore it from a copy, or clone the project again"
    return None


def has_commit() -> bool:
    """Return whether this is a repository with at least one commit; raises GitError if Git does not trust its owner."""
    try:
        git("rev-parse", "--verify", "--quiet", "HEAD")
    except GitError as error:
        if "dubious ownership" in str(error):
            raise
        return False
    return True


@contextmanager
def locked(remote: str | None = None) -> Iterator[None]:
    """Let one process at a time change the registry of this repository; others wait.

    Args:
        remote: Git remote that the registry shares. Tags that a killed process has made here and not pushed there are
            deleted first: otherwise they would be taken for shared ones.
    """
    folder = Path(git("rev-parse", "--git-common-dir"))
    with (folder / "glioflow.lock").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if remote:
            file.seek(0)
            _delete_unpushed_tags(file.read().splitlines(), remote)
            _write(file, "\n".join([LOCK_HEADER, *_tags()]))
        try:
            yield
        except Exception:  # which has taken back its own tag, unlike an interruption
            _write(file, "")
            raise
        _write(file, "")


def _write(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _tags() -> list[str]:
    return git("tag", "--list", f"{ARTIFACT}[@#]*").split()


def _delete_unpushed_tags(noted: list[str], remote: str) -> None:
    """Delete tags that the process that left these notes has made, unless the remote has them."""
    made = set(_tags()) - set(noted) if noted[:1] == [LOCK_HEADER] else set()
    if made:
        shared = git("ls-remote", "--tags", remote, *(f"refs/tags/{name}" for name in made))
        for name in sorted(made - {line.rpartition("refs/tags/")[2] for line in shared.splitlines()}):
            git("tag", "--delete", name)


def fetch_tags(remote: str | None) -> None:
    """Fetch the registry's tags from the remote; other tags are left alone.

    Raises:
        TagsDifferError: one of its tags differs from the local one: two clones registered or promoted independently, so
            that one name would mean two things.
        GitError: the remote is unreachable.
    """
    if not remote:
        return
    try:
        # Not --quiet, which suppresses the lines that say which tag was rejected.
        git("fetch", remote, *(f"refs/tags/{ARTIFACT}{sign}*:refs/tags/{ARTIFACT}{sign}*" for sign in "@#"))
    except GitError as error:
        differ = re.findall(r"! \[rejected\]\s+(\S+)", str(error))
        if not differ:
            raise GitError(
                f"registry: tags can't be fetched from {remote} ({error}); check registry.git_remote and your access"
            ) from error
        raise TagsDifferError(
            f"registry: {', '.join(differ)} on {remote} differs from the tag here: they were made independently; "
            f"remove yours with `git tag --delete {' '.join(differ)}`, run `git fetch --tags {remote}`, then register "
            "or promote again"
        ) from error


def publish_tag(remote: str | None, tag: str) -> bool:
    """Push a tag. The remote never lets a tag be replaced; if it has this one already, the local tag is deleted.

    Returns:
        Whether the tag was pushed; False if somebody else was faster.

    Raises:
        GitError: anything else went wrong; the local tag is deleted, too.
    """
    if not remote:
        return True
    try:
        git("push", "--quiet", remote, f"refs/tags/{tag}")
    except GitError as error:
        git("tag", "--delete", tag)
        if "rejected" in str(error) and "already exists" in str(error):
            return False
        raise GitError(f"registry: {tag} can't be pushed to {remote} ({error}); nothing was changed there") from error
    return True
