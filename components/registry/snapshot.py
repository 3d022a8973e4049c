"""A Git commit of a finished run, made without touching branch, index or files of the person who runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from components.registry.git import GitError, git

NOBODY = ("glioflow", "glioflow@localhost")


def committer() -> tuple[str, str]:
    """Name and address by Git's own rules; `NOBODY` on a bare machine, where nobody has told Git a name."""
    try:
        name, _, rest = git("var", "GIT_COMMITTER_IDENT").rpartition(" <")
    except GitError:
        return NOBODY
    return name, rest.partition(">")[0]


def tagger() -> dict[str, Any]:
    """Who sets a tag, as GTO's arguments: left alone, it refuses where Git would only guess."""
    return dict(zip(("author", "author_email"), committer(), strict=True))


def snapshot(paths: Iterable[Path], message: str, parents: Sequence[str] = ("HEAD",)) -> str:
    """Commit HEAD, changes of files that Git knows, and `paths`, ignored or not; returns the commit.

    No branch holds it; a tag has to, or a push.
    """
    with tempfile.TemporaryDirectory(prefix="glioflow-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git("read-tree", "HEAD", more=index)
        git("add", "--update", ":/", more=index)
        git("add", "--force", "--", *(str(path) for path in paths if path.exists()), more=index)
        tree = git("write-tree", more=index)
    name, email = committer()
    nobody = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", email))
        if (name, email) == NOBODY
    }
    of = [word for parent in parents for word in ("-p", parent)]
    return git("commit-tree", tree, *of, "-m", message, more=nobody)
