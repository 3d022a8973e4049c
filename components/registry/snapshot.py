"""A Git commit of a finished run, made without touching branch, index or files of the person who runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from components.registry.git import GitError, git

NOBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "glioflow"), ("EMAIL", "glioflow@localhost"))
}


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
    try:
        git("var", "GIT_COMMITTER_IDENT")
        identity = {}
    except GitError:  # a bare machine, where nobody has told Git a name
        identity = NOBODY
    of = [word for parent in parents for word in ("-p", parent)]
    return git("commit-tree", tree, *of, "-m", message, more=identity)
