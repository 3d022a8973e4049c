"""Give a process that lacks them a home, a user name and a place for DVC's index, as in a cluster's container.

The user id there may be arbitrary, and the root file system read-only.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path

INDEX = "DVC_SITE_CACHE_DIR"
USUAL = Path("/var/tmp/dvc")  # noqa: S108  where DVC keeps its index unless told otherwise


def complete() -> None:
    """Set HOME if it is missing or not writable, USER if the system knows no name, and DVC's folder for its index.

    DVC, Git, TFX and Keras look for settings in HOME and for the user's name in USER; without them, some fail with a
    traceback. Whatever they leave in a home created here is gone with the container.
    """
    user = os.getuid()
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        entry = None
    if entry is None and not any(os.environ.get(name) for name in ("LOGNAME", "USER")):
        os.environ["USER"] = f"user-{user}"
    home = os.environ.get("HOME") or (entry.pw_dir if entry else "")
    if not (home and os.access(home, os.W_OK | os.X_OK)):
        os.environ["HOME"] = str(_made("home", user))
    if INDEX not in os.environ and not os.access(USUAL if USUAL.exists() else USUAL.parent, os.W_OK | os.X_OK):
        os.environ[INDEX] = str(_made("dvc", user))


def _made(what: str, user: int) -> Path:
    """A temporary folder private to this user, the same in every process of a run."""
    folder = Path(tempfile.gettempdir()) / f"glioflow-{what}-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:  # somebody else created it first
        return Path(tempfile.mkdtemp(prefix=f"glioflow-{what}-"))
    return folder
