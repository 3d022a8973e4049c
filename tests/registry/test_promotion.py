"""Which version may enter a stage, and which one is there after a rollback, with real Git tags and DVC files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import TEST_PYTHONPATH
from dvc_project import run
from tagged_models import GATE, LONG_AGO, MODELS, tag, tags

from components.common.errors import UserError
from components.registry import promotion, releases
from components.registry.promotion import promote, rollback
from components.registry.resolve import FETCHED
from components.registry.state import read_state

pytest_plugins = ["registry_fixtures"]


def promote_version(version, stage="staging", gate=GATE, remote=None, reason=None):
    return promote(version, stage, gate, seed=1, remote=remote, reason=reason).name


def refusal(version, stage="staging", **changes):
    before = run(".", "git tag")
    with pytest.raises(UserError) as error:
        promote_version(version, stage, **changes)
    assert run(".", "git tag") == before
    return str(error.value)


def current(stage="staging"):
    found = read_state().current(stage)
    return found and found.name


def test_a_blessed_version_is_promoted_to_staging_then_prod(registry):
    assert promote_version("v1.0.0") == current() == "v1.0.0"
    assert current("prod") is None
    assert promote_version("1.0.0", "prod") == current("prod") == "v1.0.0"
    assert tags(registry) == {"layered#prod#2": "promoted to prod", "layered#staging#1": "promoted to staging"}
    assert run(registry, "git cat-file tag layered#staging#1").endswith("\n\npromoted to staging")


def test_a_version_cannot_reach_prod_without_staging(registry):
    assert refusal("v1.0.0", "prod") == (
        "registry: v1.0.0 is not promoted to prod: it was never promoted to staging, or was rolled back there. "
        "Register a better one, or override with --force --reason"
    )
    promote_version("v1.0.0")
    promote_version("v1.2.0")
    assert promote_version("v1.0.0", "prod") == "v1.0.0"  # it was in staging before


def test_promoting_the_current_version_is_refused(registry):
    promote_version("v1.0.0")
    assert refusal("v1.0.0", reason="again") == "registry: v1.0.0 is already in staging"


def test_a_refused_or_missing_verdict_is_an_objection(registry):
    assert "not promoted to staging: the gate's verdict is NOT BLESSED. Register" in refusal("v1.3.0")
    (registry / "registry" / "dossier.json").write_text("{", encoding="utf-8")
    run(registry, "git commit -q -a -m damaged")
    tag(registry, "layered@v2.0.0", "HEAD")
    promote_version("v1.0.0")
    message = refusal("v2.0.0", "prod")
    assert "the gate's verdict is unknown; it was never promoted to staging, or was rolled back there. " in message


def test_a_version_worse_than_the_champion_by_over_the_margin_is_refused(registry):
    promote_version("v1.0.0")
    message = refusal("v1.1.0")
    assert "v1.0.0 is there, and against the champion: mean difference of volume Dice -0.1000 is below" in message
    assert "certain enough" in message
    assert promote_version("v1.2.0") == "v1.2.0"
    assert promote_version("v1.4.0") == "v1.4.0"
    assert promote_version("v1.1.0", gate=GATE.model_copy(update={"margin": 0.3})) == "v1.1.0"


def test_each_stage_has_its_own_champion(registry):
    for version, stage in (("v1.0.0", "staging"), ("v1.0.0", "prod"), ("v1.2.0", "staging")):
        promote_version(version, stage)
    tag(registry, "layered#staging#9", "layered@v1.1.0^{}")
    assert current() == "v1.1.0"
    assert "mean difference of volume Dice -0.1000" in refusal("v1.1.0", "prod")
    assert promote_version("v1.0.0") == "v1.0.0"  # it is better than the one in staging


def test_a_reason_overrides_objections_and_the_tag_records_both(registry):
    promote_version("v1.0.0")
    assert promote_version("v1.1.0", reason="the scanner has changed") == current() == "v1.1.0"
    tag_lines = run(registry, "git tag -l layered#staging#2 --format=%(contents)").strip().split("\n")
    assert tag_lines[:4] == ["promoted to staging", "", "Forced, because: the scanner has changed", tag_lines[3]]
    assert tag_lines[3].startswith("Against it: v1.0.0 is there, and against the champion: mean difference")
    assert len(tag_lines) == 5


def test_repeated_rollbacks_restore_ever_earlier_versions(registry):
    for version in ("v1.1.0", "v1.0.0", "v1.2.0"):
        promote_version(version)
    assert [version.name for version in rollback("staging", remote=None)] == ["v1.2.0", "v1.0.0"]
    assert current() == "v1.0.0"
    assert tags(registry)["layered#staging#4"] == "rollback from v1.2.0"
    assert run(registry, "git rev-parse layered#staging#4^{}") == run(registry, "git rev-parse layered@v1.0.0^{}")
    assert [version.name for version in rollback("staging", remote=None)] == ["v1.0.0", "v1.1.0"]
    assert current() == "v1.1.0"
    with pytest.raises(UserError, match="staging has no previous version to go back to"):
        rollback("staging", remote=None)
    assert current() == "v1.1.0"
    assert promote_version("v1.2.0") == current() == "v1.2.0"
    assert [version.name for version in rollback("staging", remote=None)] == ["v1.2.0", "v1.1.0"]


def test_a_rollback_fetches_the_files_of_the_restored_version(registry):
    for version in ("v1.1.0", "v1.0.0", "v1.2.0"):
        promote_version(version)
        shutil.rmtree(FETCHED / version)
    rollback("staging", remote=None)
    assert [path.name for path in FETCHED.iterdir()] == ["v1.0.0"]


def test_a_rollback_in_one_stage_leaves_the_other_unchanged(registry):
    for version in ("v1.0.0", "v1.2.0"):
        for stage in ("staging", "prod"):
            promote_version(version, stage)
    rollback("prod", remote=None)
    assert (current("staging"), current("prod")) == ("v1.2.0", "v1.0.0")
    with pytest.raises(UserError, match="no version"):
        promote("v9.0.0", "prod", GATE, seed=1, remote=None)


def test_a_rollback_of_an_empty_stage_is_refused(registry):
    with pytest.raises(UserError, match="prod has no previous version to go back to"):
        rollback("prod", remote=None)


def test_a_version_rolled_back_from_staging_cannot_go_to_prod(registry):
    promote_version("v1.0.0")
    promote_version("v1.2.0")
    rollback("staging", remote=None)
    assert "it was never promoted to staging, or was rolled back there" in refusal("v1.2.0", "prod")


def test_a_change_waits_for_the_second_after_the_last_change(registry, monkeypatch):
    waited = []
    monkeypatch.setattr(promotion, "after", waited.append)
    promote_version("v1.0.0")
    assert waited == [LONG_AGO]
    moments = iter([7.2, 7.9, 8.0])
    monkeypatch.setattr(releases, "time", Clock(moments))
    releases.after(7)
    assert next(moments, None) is None


class Clock:
    """A clock that returns the given moments, and never really sleeps."""

    def __init__(self, moments):
        self.moments = moments

    def time(self):
        return next(self.moments)

    def sleep(self, seconds):
        assert 0 < seconds < 1


def test_promotions_are_shared_with_the_remote_in_both_directions(registry, hub):
    promote_version("v1.0.0", remote="origin")
    assert tags(hub) == {"layered#staging#1": "promoted to staging"}
    tag(hub, "layered#staging#2", "layered@v1.2.0^{}")
    assert remote_refusal() == "registry: v1.2.0 is already in staging"
    assert [version.name for version in rollback("staging", remote="origin")] == ["v1.2.0", "v1.0.0"]
    assert tags(hub)["layered#staging#3"] == "rollback from v1.2.0"


def remote_refusal():
    with pytest.raises(UserError) as error:
        promote_version("v1.2.0", remote="origin")
    return str(error.value)


def test_a_concurrent_promotion_fails_and_leaves_no_tag(registry, hub, monkeypatch):
    real = promotion.objections

    def promote_elsewhere_first(*arguments):
        tag(hub, "layered#staging#1", "layered@v1.2.0^{}", second=int(time.time()) - LONG_AGO)
        return real(*arguments)

    monkeypatch.setattr(promotion, "objections", promote_elsewhere_first)
    with pytest.raises(UserError, match="somebody else has just changed staging on origin; look at `glioflow models`"):
        promote_version("v1.0.0", remote="origin")
    assert tags(registry) == {}
    assert set(tags(hub)) == {"layered#staging#1"}
    assert len(MODELS) == len(read_state().versions)


# A pre-push hook that kills the process that called `git push`, and stops the push.
KILL = '#!/bin/sh\nkill -KILL "$(ps -o ppid= -p $PPID)"\nexit 1\n'


@pytest.mark.parametrize("outcome", ["there was no time to push", "the remote has it"])
def test_a_tag_left_by_a_killed_promotion_counts_if_the_remote_has_it(registry, hub, outcome):
    hook = registry / ".git" / "hooks" / "pre-push"
    hook.write_text(KILL, encoding="utf-8")
    hook.chmod(0o755)
    code = (
        "from tagged_models import GATE; from components.registry.promotion import promote; "
        "promote('v1.0.0', 'staging', GATE, seed=1, remote='origin')"
    )
    path = os.pathsep.join([TEST_PYTHONPATH, str(Path(__file__).parent)])
    process = subprocess.run([sys.executable, "-c", code], cwd=registry, env={**os.environ, "PYTHONPATH": path})
    assert process.returncode == -signal.SIGKILL
    assert set(tags(registry)) == {"layered#staging#1"}
    hook.unlink()
    if outcome == "the remote has it":
        run(registry, "git push -q origin refs/tags/layered#staging#1")
        assert "v1.0.0 is already in staging" in refusal("v1.0.0", remote="origin")
    else:
        promote_version("v1.0.0", remote="origin")
    assert set(tags(hub)) == set(tags(registry)) == {"layered#staging#1"}
