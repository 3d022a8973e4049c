"""From what people write for a model to the folder it lies in."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from components import reference
from components.errors import UserError
from components.files import atomic_folder
from components.layout import REGISTERED
from components.registry.names import ARTIFACT, STAGES

if TYPE_CHECKING:
    from components.registry.state import Version

SCHEME = "registry:"
FETCHED = Path("artifacts/models")


def model_folder(address: str) -> Path:
    """The folder of a model: a path as it is; "registry:prod" or "registry:v1.2.0" is fetched with DVC, once a version.

    "reference" is the model that comes with the project.

    Raises:
        UserError: no such version, nothing stands in the stage, or its files are neither here nor on a remote.
    """
    if address == reference.NAME:
        return reference.reference_model()
    if not address.startswith(SCHEME):
        if "://" in address:
            raise UserError(f"{address}: a model has to lie on this machine; copy its folder here, and name that")
        return Path(address)
    version = _version(address.removeprefix(SCHEME))
    target = FETCHED / version.name
    if not (target / REGISTERED).is_dir():
        _fetch(version, target)
    return target


def _version(name: str) -> Version:
    from components.registry.state import read_state  # with it comes GTO, whose import closes all log handlers

    state = read_state()
    if name not in STAGES:
        return state.version(name)
    standing = state.standing(name)
    if standing is None:
        raise UserError(f"registry: no version stands in {name}; promote one with `glioflow promote`")
    return standing


def _fetch(version: Version, target: Path) -> None:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with atomic_folder(target) as part, contextlib.redirect_stderr(io.StringIO()):
        shutil.rmtree(part)
        try:
            with Repo() as repo:
                repo.artifacts.download(ARTIFACT, version=version.name, out=str(part))
        except (DvcException, FileNotFoundError) as error:
            part.mkdir(exist_ok=True)
            reason = " ".join(str(error).split())
            raise UserError(
                f"registry: {version.name} can't be fetched ({reason}); its files are neither in DVC's cache nor on "
                "the default remote"
            ) from error
