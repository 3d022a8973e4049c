"""From a model's address, as users write it, to its folder."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.errors import UserError
from components.common.files import atomic_folder
from components.common.layout import FETCHED, REGISTERED
from components.layered import reference
from components.layered.record import digest
from components.registry.git import GitError, TagsDifferError, fetch_tags
from components.registry.names import ARTIFACT, MODEL, POINTER, STAGES
from components.registry.remotes import current_remotes

if TYPE_CHECKING:
    from components.registry.state import Version

SCHEME = "registry:"
PARAMS = Path("params.yaml")


def model_folder(address: str, engine: str | None = None) -> Path:
    """Return the folder of a model: a path as it is; "registry:prod" or "registry:v1.2.0" is fetched once per version.

    "reference" is the model that comes with the project, built for TensorFlow if that is the `engine`. DVC does the
    fetching. Which version a stage holds is asked of the Git remote, if one is set, and printed to standard error.

    Raises:
        UserError: there is no such version, the stage is empty, or the files are neither here nor on a remote.
    """
    if address == reference.NAME:
        return reference.reference_saved_model() if engine == "tensorflow" else reference.reference_model()
    if not address.startswith(SCHEME):
        if "://" in address:
            raise UserError(f"{address}: a model must be on this machine; copy its folder here, and give its path")
        return Path(address)
    version = _version(address.removeprefix(SCHEME))
    target = FETCHED / version.name
    # The name may have belonged to another model: a clone's own, before others' tags were fetched.
    if not (target / REGISTERED).is_dir() or _differs(target, version):
        fetch(version)
    return target


def _version(name: str) -> Version:
    from components.registry.state import (
        none_here,
        read_state,
    )  # it imports GTO, whose import closes all log handlers

    if name not in STAGES:
        return read_state().version(name)
    _refresh(name)
    state = read_state()
    current = state.current(name)
    if current is None:
        remedy = "promote one with `glioflow promote`" if state.versions else none_here()
        raise UserError(f"registry: there is no version in {name}; {remedy}")
    print(f"{SCHEME}{name} is {current.name}", file=sys.stderr)
    return current


def _refresh(stage: str) -> None:
    """Fetch the registry's tags from the remote that params.yaml names; warn if it is away.

    Raises:
        UserError: its tags differ from those here, so what the stage holds is undecided.
    """
    from components.common import params  # which need pydantic; predicting with a folder does not

    remote = params.load().registry.git_remote if PARAMS.is_file() else None
    try:
        fetch_tags(remote)
    except TagsDifferError:
        raise
    except GitError as error:
        print(f"warn: {error}; taking what {stage} was when tags were last fetched", file=sys.stderr)


def fetch(version: Version) -> None:
    """Fetch a version's files anew, from DVC's cache or the default remote.

    Raises:
        UserError: the files are in neither, or differ from those registered.
    """
    from dvc.config import ConfigError
    from dvc.fs import download
    from dvc.repo import Repo

    with atomic_folder(FETCHED / version.name) as part, contextlib.redirect_stderr(io.StringIO()):
        shutil.rmtree(part)
        try:
            # Not by the artifact's name, which DVC finds only in projects at the top of their Git repository.
            with Repo(config=current_remotes()) as repo, repo.switch(version.commit):
                download(repo.dvcfs, MODEL.as_posix(), str(part.absolute()))
        except ConfigError as error:
            raise UserError(f".dvc/config: {' '.join(str(error).split())}; correct it") from error
        except Exception as error:  # every storage has its own family of exceptions
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"registry: {version.name} can't be fetched ({reason}); its files are neither in DVC's cache nor on "
                f"the default remote. Somebody who still has them can run `git checkout {ARTIFACT}@{version.name}` and "
                f"`dvc push {POINTER}`"
            ) from error
        finally:
            part.mkdir(exist_ok=True)
        if _differs(part, version):
            raise UserError(
                f"registry: the files of {version.name} differ from those it was registered with; register the model "
                "again with `dvc repro -sf push`"
            )


def _differs(folder: Path, version: Version) -> bool:
    """Return whether a folder holds another model than the version's tag records; False for a tag without a dossier."""
    recorded = version.summary.get("model")
    try:
        return recorded is not None and digest(folder) != recorded
    except UserError:  # not a model at all
        return True
