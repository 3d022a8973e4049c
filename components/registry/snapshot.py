"""A Git commit of a finished run, made without touching the user's branch, index or files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from components.registry.git import GitError, git

NOBODY = ("glioflow", "glioflow@localhost")


def committer() -> tuple[str, str]:
    """Name and address by Git's own rules; `NOBODY` on a bare machine without a Git identity."""
    try:
        name, _, rest = git("var", "GIT_COMMITTER_IDENT").rpartition(" <")
    except GitError:
        return NOBODY
    return name, rest.partition(">")[0]


def tagger() -> dict[str, Any]:
    """Author of a tag, as GTO's arguments: by itself, GTO refuses if Git would only guess."""
    return dict(zip(("author", "author_email"), committer(), strict=True))


def snapshot(paths: Iterable[Path], message: str, parents: Sequence[str] = ("HEAD",)) -> str:
    """Commit HEAD, changes to tracked and staged files, and `paths`, ignored or not; returns the commit.

    The commit is on no branch; a tag or a push has to keep it.
    """
    with tempfile.TemporaryDirectory(prefix="glioflow-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git("read-tree", "HEAD", more=index)
        if (own := Path(git("rev-parse", "--git-path", "index"))).is_file():  # holds new files that the user has staged
            shutil.copyfile(own, index["GIT_INDEX_FILE"])
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
