"""Where DVC keeps the files of versions."""

from __future__ import annotations

from typing import Any


def current_remotes() -> dict[str, Any]:
    """DVC's remotes as currently configured: the commit of a version may be older than the configuration."""
    from dvc.repo import Repo

    with Repo() as repo:
        default, remotes = repo.config["core"].get("remote"), dict(repo.config["remote"])
    return {"core": {"remote": default}, "remote": remotes} if default else {}
