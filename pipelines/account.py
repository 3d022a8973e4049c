"""A home and a name where the account has none, as that of a container with a user id of the cluster's own."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path


def complete() -> None:
    """Set HOME, where it is missing or can't be written to, and USER, where nobody knows one.

    DVC, Git, TFX and Keras look for settings in the one and for who it is in the other, and some end with a traceback.
    What they leave in a home that was made for them is gone with the container.
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
    """A folder of this user alone among the temporary ones, the same in every process of a run."""
    folder = Path(tempfile.gettempdir()) / f"glioflow-home-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:  # somebody else was here first
        return Path(tempfile.mkdtemp(prefix="glioflow-home-"))
    return folder
