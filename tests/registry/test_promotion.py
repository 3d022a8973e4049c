"""Who may stand in a stage, and who stands there after going back; with Git's own tags and DVC's own files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import IMPORTS
from dvc_project import run
from tagged import GATE, LONG_AGO, MODELS, tag, tags

from components.common.errors import UserError
from components.registry import promotion, releases
from components.registry.promotion import promote, rollback
from components.registry.resolve import FETCHED
from components.registry.state import read_state

pytest_plugins = ["registry_here"]


def put(version, stage="staging", gate=GATE, remote=None, reason=None):
    return promote(version, stage, gate, seed=1, remote=remote, reason=reason).name


def refused(version, stage="staging", **changes):
    before = run(".", "git tag")
    with pytest.raises(UserError) as error:
        put(version, stage, **changes)
    assert run(".", "git tag") == before
    return str(error.value)


def standing(stage="staging"):
    found = read_state().standing(stage)
    return found and found.name


def test_a_blessed_version_stands_in_staging_and_then_in_prod(registry):
    assert put("v1.0.0") == standing() == "v1.0.0"
    assert standing("prod") is None
    assert put("1.0.0", "prod") == standing("prod") == "v1.0.0"
    assert tags(registry) == {"layered#prod#2": "promoted to prod", "layered#staging#1": "promoted to staging"}
    assert run(registry, "git cat-file tag layered#staging#1").endswith("\n\npromoted to staging")


def test_nobody_gets_to_prod_past_staging(registry):
    assert refused("v1.0.0", "prod") == (
        "registry: v1.0.0 is not promoted to prod: it has not been in staging. Register a better one, or override "
        "with --force --reason"
    )
    put("v1.0.0")
    put("v1.2.0")
    assert put("v1.0.0", "prod") == "v1.0.0"  # it has stood there before


def test_who_stands_there_already_is_told(registry):
    put("v1.0.0")
    assert refused("v1.0.0", reason="again") == "registry: v1.0.0 is already in staging"


def test_a_refused_verdict_and_a_missing_one_are_objections(registry):
    assert "not promoted to staging: the gate's verdict is NOT BLESSED. Register" in refused("v1.3.0")
    (registry / "registry" / "dossier.json").write_text("{", encoding="utf-8")
    run(registry, "git commit -q -a -m damaged")
    tag(registry, "layered@v2.0.0", "HEAD")
    put("v1.0.0")
    said = refused("v2.0.0", "prod")
    assert "the gate's verdict is unknown; it has not been in staging. Register" in said


def test_a_version_that_is_worse_than_the_one_there_by_more_than_the_margin_is_refused(registry):
    put("v1.0.0")
    said = refused("v1.1.0")
    assert "v1.0.0 is there, and against the champion: mean difference of volume Dice -0.1000 is below" in said
    assert "certain enough" in said
    assert put("v1.2.0") == "v1.2.0"
    assert put("v1.4.0") == "v1.4.0"
    assert put("v1.1.0", gate=GATE.model_copy(update={"margin": 0.3})) == "v1.1.0"


def test_each_stage_has_a_champion_of_its_own(registry):
    for version, stage in (("v1.0.0", "staging"), ("v1.0.0", "prod"), ("v1.2.0", "staging")):
        put(version, stage)
    tag(registry, "layered#staging#9", "layered@v1.1.0^{}")
    assert standing() == "v1.1.0"
    assert "mean difference of volume Dice -0.1000" in refused("v1.1.0", "prod")
    assert put("v1.0.0") == "v1.0.0"  # than the one in staging it is better


def test_a_reason_overrides_and_the_tag_keeps_both(registry):
    put("v1.0.0")
    assert put("v1.1.0", reason="the scanner has changed") == standing() == "v1.1.0"
    told = run(registry, "git tag -l layered#staging#2 --format=%(contents)").strip().split("\n")
    assert told[:4] == ["promoted to staging", "", "Forced, because: the scanner has changed", told[3]]
    assert told[3].startswith("Against it: v1.0.0 is there, and against the champion: mean difference")
    assert len(told) == 5


def test_going_back_names_the_version_before_and_again_the_one_before_that(registry):
    for version in ("v1.1.0", "v1.0.0", "v1.2.0"):
        put(version)
    assert [version.name for version in rollback("staging", remote=None)] == ["v1.2.0", "v1.0.0"]
    assert standing() == "v1.0.0"
    assert tags(registry)["layered#staging#4"] == "rollback from v1.2.0"
    assert run(registry, "git rev-parse layered#staging#4^{}") == run(registry, "git rev-parse layered@v1.0.0^{}")
    assert [version.name for version in rollback("staging", remote=None)] == ["v1.0.0", "v1.1.0"]
    assert standing() == "v1.1.0"
    with pytest.raises(UserError, match="staging has no previous version to go back to"):
        rollback("staging", remote=None)
    assert standing() == "v1.1.0"
    assert put("v1.2.0") == standing() == "v1.2.0"
    assert [version.name for version in rollback("staging", remote=None)] == ["v1.2.0", "v1.1.0"]


def test_going_back_fetches_the_files_of_the_version_that_is_then_there(registry):
    for version in ("v1.1.0", "v1.0.0", "v1.2.0"):
        put(version)
        shutil.rmtree(FETCHED / version)
    rollback("staging", remote=None)
    assert [path.name for path in FETCHED.iterdir()] == ["v1.0.0"]


def test_going_back_in_one_stage_leaves_the_other(registry):
    for version in ("v1.0.0", "v1.2.0"):
        for stage in ("staging", "prod"):
            put(version, stage)
    rollback("prod", remote=None)
    assert (standing("staging"), standing("prod")) == ("v1.2.0", "v1.0.0")
    with pytest.raises(UserError, match="no version"):
        promote("v9.0.0", "prod", GATE, seed=1, remote=None)


def test_where_nobody_stands_there_is_nothing_to_go_back_to(registry):
    with pytest.raises(UserError, match="prod has no previous version to go back to"):
        rollback("prod", remote=None)


def test_what_was_taken_back_from_staging_has_to_stand_there_again_before_prod(registry):
    put("v1.0.0")
    put("v1.2.0")
    rollback("staging", remote=None)
    assert "it has not been in staging" in refused("v1.2.0", "prod")


def test_a_change_waits_for_the_second_after_the_last_one(registry, monkeypatch):
    waited = []
    monkeypatch.setattr(promotion, "after", waited.append)
    put("v1.0.0")
    assert waited == [LONG_AGO]
    moments = iter([7.2, 7.9, 8.0])
    monkeypatch.setattr(releases, "time", Clock(moments))
    releases.after(7)
    assert next(moments, None) is None


class Clock:
    """Tells the moments that it was given; nobody sleeps."""

    def __init__(self, moments):
        self.moments = moments

    def time(self):
        return next(self.moments)

    def sleep(self, seconds):
        assert 0 < seconds < 1


def test_what_is_promoted_here_stands_on_the_remote_and_what_is_promoted_there_counts_here(registry, hub):
    put("v1.0.0", remote="origin")
    assert tags(hub) == {"layered#staging#1": "promoted to staging"}
    tag(hub, "layered#staging#2", "layered@v1.2.0^{}")
    assert refused_there() == "registry: v1.2.0 is already in staging"
    assert [version.name for version in rollback("staging", remote="origin")] == ["v1.2.0", "v1.0.0"]
    assert tags(hub)["layered#staging#3"] == "rollback from v1.2.0"


def refused_there():
    with pytest.raises(UserError) as error:
        put("v1.2.0", remote="origin")
    return str(error.value)


def test_of_two_at_once_the_second_is_told_and_leaves_no_tag(registry, hub, monkeypatch):
    real = promotion.objections

    def somebody_is_faster(*arguments):
        tag(hub, "layered#staging#1", "layered@v1.2.0^{}", second=int(time.time()) - LONG_AGO)
        return real(*arguments)

    monkeypatch.setattr(promotion, "objections", somebody_is_faster)
    with pytest.raises(UserError, match="somebody else has just changed staging on origin; look at `glioflow models`"):
        put("v1.0.0", remote="origin")
    assert tags(registry) == {}
    assert set(tags(hub)) == {"layered#staging#1"}
    assert len(MODELS) == len(read_state().versions)


# What Git runs before it pushes: it kills the process that has called `git push`, and lets nothing be pushed.
KILL = '#!/bin/sh\nkill -KILL "$(ps -o ppid= -p $PPID)"\nexit 1\n'


@pytest.mark.parametrize("way", ["there was no time to push", "the remote has it"])
def test_a_tag_that_a_killed_promotion_left_counts_as_far_as_the_remote_has_it(registry, hub, way):
    hook = registry / ".git" / "hooks" / "pre-push"
    hook.write_text(KILL, encoding="utf-8")
    hook.chmod(0o755)
    code = (
        "from tagged import GATE; from components.registry.promotion import promote; "
        "promote('v1.0.0', 'staging', GATE, seed=1, remote='origin')"
    )
    path = os.pathsep.join([IMPORTS, str(Path(__file__).parent)])
    done = subprocess.run([sys.executable, "-c", code], cwd=registry, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == -signal.SIGKILL
    assert set(tags(registry)) == {"layered#staging#1"}
    hook.unlink()
    if way == "the remote has it":
        run(registry, "git push -q origin refs/tags/layered#staging#1")
        assert "v1.0.0 is already in staging" in refused("v1.0.0", remote="origin")
    else:
        put("v1.0.0", remote="origin")
    assert set(tags(hub)) == set(tags(registry)) == {"layered#staging#1"}
