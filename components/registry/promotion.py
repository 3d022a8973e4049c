"""Promotion: which version may enter a stage, and how to go back."""

from __future__ import annotations

import gto.api
from gto.exceptions import GTOException

from components.common.errors import UserError
from components.common.params.decisions import Gate
from components.evaluate.champion import compare
from components.evaluate.gate import BLESSED
from components.registry.dossier import scores
from components.registry.git import fetch_tags, locked, publish_tag
from components.registry.names import ARTIFACT, PROD, STAGING
from components.registry.pushed import check_pushed
from components.registry.releases import after
from components.registry.resolve import fetch
from components.registry.sharing import share
from components.registry.snapshot import tagger
from components.registry.state import ROLLBACK, State, Version, read_state


def promote(
    version: str, stage: str, gate: Gate, *, seed: int, remote: str | None, reason: str | None = None
) -> Version:
    """Promote a version to a stage.

    Args:
        version: name of the version.
        stage: name of the stage.
        gate: limits; `margin` is the loss in mean volume Dice allowed against the version in the stage.
        seed: seed of the comparison's test.
        remote: Git remote on which others promote, too; None for this repository alone.
        reason: justification for overriding objections; both are recorded in the tag.

    Raises:
        UserError: there is no such version, it is already there, there are objections, or somebody was faster; or,
            whatever the reason, its files can't be obtained, or differ from those registered.
    """
    with locked(remote):
        fetch_tags(remote)
        state = read_state()
        candidate = state.version(version)
        check_pushed(candidate)
        if state.current(stage) == candidate:
            raise UserError(f"registry: {candidate.name} is already in {stage}")
        against = objections(state, candidate, stage, gate, seed)
        if against and not reason:
            raise UserError(
                f"registry: {candidate.name} is not promoted to {stage}: {'; '.join(against)}. Register a better one, "
                "or override with --force --reason"
            )
        fetch(candidate)
        share(candidate, remote)
        message = f"promoted to {stage}"
        if reason:
            message += f"\n\nForced, because: {reason}\n" + "\n".join(f"Against it: {one}" for one in against)
        _assign(state, candidate, stage, message, remote)
        return candidate


def rollback(stage: str, *, remote: str | None) -> tuple[Version, Version]:
    """Return a stage to its previous version; a second call goes back one more.

    Returns:
        The version that was there, and the one that is there now.

    Raises:
        UserError: there is no previous version, its files can't be obtained, or somebody changed the stage at the same
            moment.
    """
    with locked(remote):
        fetch_tags(remote)
        state = read_state()
        state.current(stage)  # raises if its tag is missing here: another version would be taken for the previous one
        stack = state.stacks[stage]
        if len(stack) < 2:
            raise UserError(f"registry: {stage} has no previous version to go back to")
        fetch(stack[-2])
        share(stack[-2], remote)
        _assign(state, stack[-2], stage, f"{ROLLBACK} {stack[-1].name}", remote)
        return stack[-1], stack[-2]


def objections(state: State, candidate: Version, stage: str, gate: Gate, seed: int) -> list[str]:
    """Objections to a promotion, in words."""
    found = []
    verdict = candidate.summary.get("verdict", "unknown")
    if verdict != BLESSED:
        found.append(f"the gate's verdict is {verdict}")
    if stage == PROD and candidate.name not in state.on_stack(STAGING):
        found.append(f"it was never promoted to {STAGING}, or was rolled back there")
    current = state.current(stage)
    if current:
        checks, _ = compare(scores(candidate.summary), scores(current.summary), gate, seed)
        found += [f"{current.name} is there, and {one.in_words()}" for one in checks if not one.passed]
    return found


def _assign(state: State, version: Version, stage: str, message: str, remote: str | None) -> None:
    after(state.last_change)
    try:
        made = gto.api.assign(".", ARTIFACT, stage, version=version.name, message=message, force=True, **tagger())
    except GTOException as error:
        raise UserError(
            f"registry: {version.name} can't be promoted to {stage} ({error}); see `git tag -l '{ARTIFACT}*'`"
        ) from error
    if not publish_tag(remote, made.tag):
        raise UserError(
            f"registry: somebody else has just changed {stage} on {remote}; look at `glioflow models` and decide again"
        )
