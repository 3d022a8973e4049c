"""Registration: an approved model and its dossier become the next version."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gto.api

from components.common.errors import UserError
from components.common.files import atomic_folder, write_json
from components.common.layout import REGISTERED
from components.layered.record import digest
from components.registry.dossier import Record, summary, write_dossier
from components.registry.git import fetch_tags, has_commit, locked, publish_tag
from components.registry.names import ARTIFACT, DOSSIER, FOLDER, MODEL, POINTER, SUMMARY
from components.registry.pushed import check_tags, in_experiment
from components.registry.sharing import share
from components.registry.snapshot import snapshot, tagger
from components.registry.state import State, number, read_state, registered

ATTEMPTS = 5  # if others register at the same moment


@dataclass(frozen=True)
class Registered:
    """Result of registering.

    Attributes:
        version: name; None in an experiment, or without a repository to register in.
        new: whether the version is new; False if the same model was registered before.
    """

    version: str | None
    new: bool


def register(pushed: Path, run: Record, remote: str | None) -> Registered:
    """Put a pushed SavedModel and its dossier into the registry, and register them as the next version.

    Args:
        pushed: the SavedModel.
        run: sources of the dossier.
        remote: Git remote for the version's tag; None keeps it local.

    Raises:
        UserError: the remote is unreachable or its tags differ, a part of the dossier is missing, DVC fails, or others
            keep registering at the same moment.
    """
    if in_experiment():
        return Registered(None, False)
    if not has_commit():
        _compose(pushed, run)
        return Registered(None, False)
    with locked(remote):
        fetch_tags(remote)
        known = registered(digest(pushed))
        if known is not None:
            share(read_state().version(known), remote)  # it may date from before the registry was shared
            return Registered(known, False)
        check_tags(read_state())
        _compose(pushed, run)
        dossier = summary(run)
        write_json(SUMMARY, dossier)
        dvc("add", "--quiet", str(MODEL))
        if dvc("config", "core.remote", missing="").strip():
            dvc("push", "--quiet", str(POINTER))
        for _ in range(ATTEMPTS):
            state = read_state()
            name = next_version(state, dossier)
            kept = [POINTER, SUMMARY, FOLDER / ".gitignore", Path("dvc.lock"), run.metrics, run.card]
            commit = snapshot(kept, f"{ARTIFACT} {name}")
            after(state.last_change)
            gto.api.register(".", ARTIFACT, commit, version=name, message=headline(dossier), **tagger())
            if publish_tag(remote, f"{ARTIFACT}@{name}"):
                return Registered(name, True)
            fetch_tags(remote)
    raise UserError(f"registry: others keep registering on {remote}; run `dvc repro --force push` again")


def _compose(pushed: Path, run: Record) -> None:
    with atomic_folder(MODEL) as part:
        shutil.copytree(pushed, part / REGISTERED)
        write_dossier(part / DOSSIER, run)


def next_version(state: State, dossier: dict[str, Any]) -> str:
    """Name the version after the newest one.

    Major if the slices that the model takes have other channels, minor if a network was retrained, patch if only
    thresholds were chosen anew.
    """
    if not state.versions:
        return "v1.0.0"
    last = state.versions[-1]
    if last.summary.get("neighbors") != dossier["neighbors"]:
        return f"v{number(last.name).bump_major()}"
    if last.summary.get("made_from") != dossier["made_from"]:
        return f"v{number(last.name).bump_minor()}"
    return f"v{number(last.name).bump_patch()}"


def headline(dossier: dict[str, Any]) -> str:
    """One line about a version, for its tag."""
    dice, auroc = (dossier["headline"][name] for name in ("volume_dice_mean", "auroc"))
    score = "not measured" if dice is None else f"{dice:.3f}"
    return f"{dossier['verdict']}: volume Dice {score}, AUROC {'not measured' if auroc is None else f'{auroc:.3f}'}"


def after(moment: int) -> None:
    """Wait until the second of `moment` is over: Git stores whole seconds, and DVC takes the latest tag of a stage."""
    while int(time.time()) <= moment:
        time.sleep(0.05)


def dvc(*arguments: str, missing: str | None = None) -> str:
    """Run the DVC of this environment; if it fails, return `missing` if given."""
    result = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)
    if result.returncode and missing is None:
        raise UserError(f"dvc {arguments[0]}: {' '.join(result.stderr.split())}")
    return result.stdout if not result.returncode else str(missing)
