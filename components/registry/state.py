"""The registry's state, read from its Git tags: versions, and which of them is in which stage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import semver
from gto.constants import COUNTER, Action
from gto.tag import find, parse_name, parse_tag
from scmrepo.git import Git

from components.common.errors import UserError
from components.registry.git import GitError, git, has_commit
from components.registry.names import ARTIFACT, STAGES, SUMMARY

ROLLBACK = "rollback from"  # begins a stage's tag that reverts the previous one


@dataclass(frozen=True)
class Version:
    """A registered model.

    Attributes:
        name: semantic version, as "v1.0.0".
        commit: Git commit that holds its code, parameters and pointers to its files.
        summary: content of dossier.json, see `components.registry.dossier.summary`.
    """

    name: str
    commit: str
    summary: dict[str, Any]


@dataclass
class State:
    """The registry.

    Attributes:
        versions: all versions, oldest first.
        stacks: stage to the versions that were promoted to it and not rolled back; the last one is there now.
        last_change: time of the latest tag, seconds since 1970.
        unnamed: stage to the commit it holds, if the tag of that version is missing here.
    """

    versions: list[Version] = field(default_factory=list)
    stacks: dict[str, list[Version]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    last_change: int = 0
    unnamed: dict[str, str] = field(default_factory=dict)

    def current(self, stage: str) -> Version | None:
        """Return the current version of a stage; None if it has none.

        Raises:
            UserError: its tag is missing here, so the version before it would be taken for it.
        """
        if stage in self.unnamed:
            raise UserError(self.missing_tag(stage))
        return self.stacks[stage][-1] if self.stacks[stage] else None

    def missing_tag(self, stage: str) -> str:
        """What to do about a stage that holds a version whose tag is missing here."""
        return (
            f"registry: {stage} holds a version (commit {self.unnamed[stage][:8]}) whose tag is not here; `git fetch "
            f"--tags` brings it, or, if the remote lacks it, whoever promoted it can run `git push REMOTE "
            f"{ARTIFACT}@VERSION`"
        )

    def version(self, name: str) -> Version:
        """Return a version by its name, with or without "v"; raises UserError if there is none."""
        for version in self.versions:
            if version.name.lstrip("v") == name.lstrip("v"):
                return version
        if not self.versions:
            raise UserError(f"registry: {name}: {none_here()}")
        raise UserError(f"registry: no version {name}; there are: {', '.join(one.name for one in self.versions)}")

    def on_stack(self, stage: str) -> set[str]:
        """Return the names of the versions on a stage's stack: the current one, and those before it."""
        return {version.name for version in self.stacks[stage]}


def registered(model: str | None) -> str | None:
    """Name of the version with a model's digest; None if it has none here."""
    versions = read_state().versions if model and has_commit() else []
    return next((version.name for version in versions if version.summary.get("model") == model), None)


def none_here() -> str:
    """What to do if there is no version at all."""
    if git("remote"):
        return (
            "no version here. Versions are Git tags, which a clone may lack: `git fetch --tags` brings those of the "
            "remote; `dvc repro` registers a blessed model"
        )
    return "no version yet: `dvc repro` registers a blessed model"


def number(version: str) -> semver.Version:
    """Parse a version for comparison; "v1.2.0-rc.1" comes before "v1.2.0"."""
    return semver.Version.parse(version.lstrip("v"))


def read_state() -> State:
    """Read the registry of the repository around the working folder.

    Raises:
        UserError: there is no repository, or no commit.
    """
    if not has_commit():
        git("rev-parse", "--git-dir")
        raise UserError("registry: no commit in this Git repository; `git add .`, `git commit -m start`")
    state = State()
    with Git(git("rev-parse", "--show-toplevel")) as scm:
        events = [parse_tag(tag) for tag in find(name=ARTIFACT, scm=scm)]
    gone = {event.version for event in events if event.action == Action.DEREGISTER}
    for event in events:
        state.last_change = max(state.last_change, event.tag.tag_time)
        if event.action == Action.REGISTER and event.version not in gone:
            state.versions.append(Version(event.version, event.tag.target, _summary(event.tag.target)))
    state.versions.sort(key=lambda version: number(version.name))
    of_commit = {version.commit: version for version in state.versions}
    history: dict[str, list[str]] = {stage: [] for stage in STAGES}  # commits, of versions that are gone, too
    # The number at a tag's end gives the order; timestamps of two machines, or within a second, do not.
    moves = [event for event in events if event.action == Action.ASSIGN and event.stage in STAGES]
    for event in sorted(moves, key=lambda event: (parse_name(event.tag.name).get(COUNTER, 0), event.tag.tag_time)):
        commits, target = history[event.stage], event.tag.target
        if event.tag.message.strip().startswith(ROLLBACK) and target in commits:
            while commits[-1] != target:
                commits.pop()
        else:
            commits.append(target)
    ever = {event.tag.target for event in events if event.action in (Action.REGISTER, Action.DEREGISTER)}
    for stage, commits in history.items():
        if commits and commits[-1] not in ever:
            state.unnamed[stage] = commits[-1]
        there = [commit for commit in commits if commit in of_commit]
        state.stacks[stage] += [of_commit[commit] for commit, _ in groupby(there)]
    return state


def _summary(commit: str) -> dict[str, Any]:
    """Return dossier.json of a commit; empty for a version registered by other means."""
    try:
        return json.loads(git("show", f"{commit}:./{SUMMARY.as_posix()}"))
    except (GitError, ValueError):
        return {}
