"""`glioflow clean`: remove what the workflow can make again, and nothing that only people have."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from components.common.errors import UserError
from pipelines import dvc_errors
from pipelines.runs.workflow import require_repository

# Caches, checkpoints and studies are in artifacts/ beside the outputs, and an interrupted cross-validation in its
# workspace; they belong to no stage.
SCRATCH = (Path("artifacts"), Path(".dvc/tmp/crossval"))
GONE = Path(".dvc/tmp/removed")  # what is being removed; the next removal completes an interrupted one


def run() -> list[str]:
    """Remove the outputs of dvc.yaml's stages and the scratch files beside them.

    Scans are kept, even below data/ and under `dvc add`; so are persistent outputs, such as the ledger, without which
    patients would change splits; the registry, DVC's cache and dvc.lock, from which `dvc repro` restores results.

    Returns:
        Removed paths, relative to this folder.

    Raises:
        UserError: dvc.yaml can't be read; nothing is removed.
    """
    require_repository()
    try:
        with Repo(".") as repo:
            outs = [out for stage in repo.index.stages if stage.cmd for out in stage.outs]
            outputs = [Path(out.def_path) for out in outs if out.protocol == "local" and not out.persist]
    except DvcException as error:
        raise UserError(f"{dvc_errors.in_words(error)}; nothing was removed") from error
    shutil.rmtree(GONE, ignore_errors=True)
    removed = [str(path) for path in [*outputs, *SCRATCH] if _remove(path)]
    shutil.rmtree(GONE, ignore_errors=True)
    return removed


def _remove(path: Path) -> bool:
    """Remove a file, a link or a folder, so that it is never there in part; returns whether it was there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        GONE.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(Path(tempfile.mkdtemp(dir=GONE), path.name))
        except OSError:  # on another disk
            shutil.rmtree(path)
    else:
        return False
    return True
