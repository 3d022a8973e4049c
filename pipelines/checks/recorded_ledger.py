"""Is the ledger of splits here the one that dvc.lock records, or a later one?

`git pull` brings dvc.lock only. With an older ledger beside it, or none, `split` would assign the persons of other
machines anew, and test patients could become training patients.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.common.errors import UserError
from components.common.params import Params
from components.common.yaml_text import read_yaml
from pipelines.paths import DEMO, LEDGER, SPLITS

LOCK = "dvc.lock"


def check_ledger(chosen: Params) -> None:
    """Refuse a ledger that lacks assignments of the recorded one; report one that was deleted to assign all anew.

    Raises:
        UserError: `split` would move persons between splits.
    """
    recorded = recorded_hash()
    if recorded is None or not is_behind(recorded):
        return
    if LEDGER.is_file():
        raise UserError(
            f"{LEDGER}: lacks or contradicts assignments in the one that {LOCK} names, as after `git pull` alone, so "
            f"persons would change splits; `dvc pull {LEDGER}` brings that one, or, to keep the one here, "
            f"`dvc commit --force {LEDGER}`"
        )
    if SPLITS.is_file():
        print(f"{LEDGER}: deleted, so everybody is assigned anew; `dvc checkout {LEDGER}` brings it back", flush=True)
    elif Path(chosen.source) != DEMO:  # whose patients are made anew, too
        raise UserError(
            f"{LEDGER}: not here, though {LOCK} names one, so persons would change splits; `dvc pull {LEDGER}` brings "
            f"it, or, to assign everybody anew, remove {LOCK}"
        )


def recorded_hash() -> str | None:
    """The ledger's hash in dvc.lock; None if it names none."""
    tree = read_yaml(LOCK, "not here") if Path(LOCK).is_file() else None
    stages = tree.get("stages") if isinstance(tree, dict) else None
    outs = (stages or {}).get("split", {}).get("outs", [])
    return next((out.get("md5") for out in outs if out.get("path") == LEDGER.as_posix()), None)


def is_behind(recorded: str) -> bool:
    """Whether the ledger is missing, or lacks or contradicts an assignment of the recorded one, or may do so."""
    if not LEDGER.is_file():
        return True
    if hashlib.md5(LEDGER.read_bytes(), usedforsecurity=False).hexdigest() == recorded:
        return False
    from components.common.tables import read_ledger

    cached = cached_ledger(recorded)
    if not cached.is_file():
        return True
    before = read_ledger(cached)
    return len(before.merge(read_ledger(LEDGER))) < len(before)


def cached_ledger(recorded: str) -> Path:
    """Where DVC's cache keeps the ledger of that hash, if it does."""
    from dvc.repo import Repo

    with Repo(".") as repo:
        return Path(repo.cache.local.oid_to_path(recorded))
