"""A home and a name for accounts without them, as in a container with a user id chosen by the cluster."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path


def complete() -> None:
    """Set HOME if it is missing or not writable, and USER if the system knows no name.

    DVC, Git, TFX and Keras look for settings in the former and for the user's name in the latter, and some fail with a
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
        os.environ["HOME"] = str(_made(user))


def _made(user: int) -> Path:
    """A temporary folder private to this user, the same in every process of a run."""
    folder = Path(tempfile.gettempdir()) / f"glioflow-home-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:  # somebody else created it first
        return Path(tempfile.mkdtemp(prefix="glioflow-home-"))
    return folder
