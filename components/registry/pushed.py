"""reports/push.json: the model that was last pushed, and its version in the registry."""

from __future__ import annotations

import json
import os
from pathlib import Path

from components.common.errors import UserError
from components.common.files import read_result, write_json
from components.registry.git import GitError, git, has_commit
from components.registry.names import ARTIFACT, PUSHED
from components.registry.state import State, Version, read_state, registered

EXPERIMENT = "DVC_EXP_NAME"  # set by DVC for the stages of an experiment: in the workspace, --temp and --queue
REGISTER = "`dvc repro -sf push` registers it"
KEYS = ("pushed", "version")
FETCH = "`git fetch --tags` brings those of the remote"


def in_experiment() -> bool:
    """Whether this is a stage of a DVC experiment.

    An experiment is a trial, often in a clone that is thrown away along with its tags. So it registers nothing.
    """
    return bool(os.environ.get(EXPERIMENT))


def write_pushed(path: Path, model: str | None, version: str | None) -> None:
    """Record the digest of the pushed model, None if there was none, and its version if it got one."""
    write_json(path, {"pushed": model is not None, "model": model, "version": version})


def in_words(path: Path = PUSHED) -> str:
    """Describe the last push, according to the registry here and now: the file may come from elsewhere."""
    record = read_result(path, *KEYS)
    if not record["pushed"]:
        return "nothing pushed: the model is not blessed"
    version = registered(record.get("model"))
    if version is not None:
        return f"{version}: see `glioflow models`"
    name = record["version"]
    if name is None:
        return (
            "approved, without a version: experiments get none, nor do runs where Git has no commit yet; in a "
            f"repository with a commit {REGISTER}"
        )
    if has_commit() and any(known.name == name for known in read_state().versions):
        return f"approved, but {name}, as {path} calls it, is another model here; {REGISTER}"
    return f"approved as {name}, whose tag is not here; {FETCH}"


def check_pushed(version: Version, path: Path = PUSHED) -> None:
    """Refuse a version whose name stands for different models in push.json and in the registry.

    Raises:
        UserError: the models differ, so whoever names this version may mean the other one.
    """
    record = read_result(path, *KEYS) if path.is_file() else {}
    if record.get("version") == version.name and record.get("model") not in (None, version.summary.get("model")):
        raise UserError(
            f"{path}: the model in this folder is called {version.name}, and so is another one in the registry; "
            f"{REGISTER} under a name of its own"
        )


def check_tags(state: State) -> None:
    """Refuse to continue with missing tags: the next version would reuse the name of another model.

    Raises:
        UserError: the last commit refers to a version whose tag is missing here.
    """
    try:
        record = json.loads(git("show", f"HEAD:./{PUSHED.as_posix()}"))
    except (GitError, ValueError):
        return
    name = record.get("version") if isinstance(record, dict) else None
    # A version removed from the registry still has a tag, "layered@v1.0.0!" beside its own.
    if name and name not in {known.name for known in state.versions} and not git("tag", "-l", f"{ARTIFACT}@{name}*"):
        raise UserError(
            f"registry: {PUSHED} of the last commit names {name}, whose tag is not here, so its name would be used "
            f"again; {FETCH}. To start a registry of your own, commit without {PUSHED} first"
        )
