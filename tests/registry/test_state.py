"""How the registry's state is read from its tags, whoever set them and when."""

from __future__ import annotations

import json

import pytest
from dvc_project import isolate, run
from tagged_models import LONG_AGO, MODELS, tag, write_registry

from components.common.errors import UserError
from components.registry.state import State, Version, none_here, number, read_state, registered


@pytest.fixture
def registry(tmp_path, tmp_path_factory, monkeypatch):
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.chdir(tmp_path)
    write_registry(tmp_path, dict.fromkeys(("v1.10.0", "v1.9.0", "v2.0.0-rc.1"), MODELS["v1.0.0"]))
    return tmp_path


def versions_in(stage):
    return [version.name for version in read_state().stacks[stage]]


def test_versions_are_sorted_by_number_with_commit_and_dossier(registry):
    state = read_state()
    assert [version.name for version in state.versions] == ["v1.9.0", "v1.10.0", "v2.0.0-rc.1"]
    assert state.versions[1].summary == MODELS["v1.0.0"]
    assert state.versions[1].commit == run(registry, "git rev-parse layered@v1.10.0^{}").strip()
    assert state.stacks == {"staging": [], "prod": []}
    assert (state.current("prod"), state.on_stack("prod")) == (None, set())
    assert number("v2.0.0-rc.1") < number("2.0.0")
    assert State().last_change == 0


def test_a_deregistered_version_is_gone_from_its_stages_too(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0"), start=1):
        tag(registry, f"layered#staging#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered@v1.9.0!", "layered@v1.9.0^{}", second=9)
    assert [version.name for version in read_state().versions] == ["v1.10.0", "v2.0.0-rc.1"]
    assert versions_in("staging") == ["v1.10.0"]
    assert read_state().on_stack("staging") == {"v1.10.0"}
    assert read_state().last_change == LONG_AGO + 9


def test_stage_tags_are_ordered_by_number_or_else_by_time(registry):
    tag(registry, "layered#staging#10", "layered@v1.9.0^{}", second=1)
    tag(registry, "layered#staging#9", "layered@v1.10.0^{}", second=5)
    assert versions_in("staging") == ["v1.10.0", "v1.9.0"]
    assert read_state().last_change == LONG_AGO + 5
    tag(registry, "layered#staging", "layered@v2.0.0-rc.1^{}", second=7)  # without a number it comes first
    assert versions_in("staging") == ["v2.0.0-rc.1", "v1.10.0", "v1.9.0"]
    tag(registry, "layered#prod#1", "layered@v1.9.0^{}", second=1)
    tag(registry, "layered#prod", "layered@v1.10.0^{}", second=2)
    assert versions_in("prod") == ["v1.10.0", "v1.9.0"]


def test_other_stages_and_unrelated_tags_are_ignored(registry):
    tag(registry, "layered#dev#1", "layered@v1.9.0^{}")
    tag(registry, "other#staging#1", "layered@v1.9.0^{}")
    tag(registry, "layered#prod!#2", "layered@v1.9.0^{}")
    tag(registry, "layered#prod#3", "HEAD~1")  # v1.9.0
    assert read_state().stacks.keys() == {"staging", "prod"}
    assert (versions_in("staging"), versions_in("prod")) == ([], ["v1.9.0"])


def test_a_rollback_removes_the_last_version_but_never_the_only_one(registry):
    tag(registry, "layered#prod#1", "layered@v1.9.0^{}", "rollback from v0.1.0")
    assert versions_in("prod") == ["v1.9.0"]
    tag(registry, "layered#prod#2", "layered@v1.10.0^{}")
    tag(registry, "layered#prod#3", "layered@v1.9.0^{}", "rollback from v1.10.0")
    assert versions_in("prod") == ["v1.9.0"]
    tag(registry, "layered#prod#4", "layered@v1.10.0^{}", "no rollback from anywhere")
    assert versions_in("prod") == ["v1.9.0", "v1.10.0"]


def test_deregistering_a_rolled_back_version_keeps_the_one_before(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered#prod#3", "layered@v1.9.0^{}", "rollback from v1.10.0")
    tag(registry, "layered@v1.10.0!", "layered@v1.10.0^{}", second=9)
    assert read_state().current("prod").name == "v1.9.0"


@pytest.mark.parametrize("how", ["deregistered", "deleted"])
def test_removing_a_version_after_its_rollback_changes_nothing(registry, how):
    for n, version in enumerate(("v1.9.0", "v1.10.0", "v2.0.0-rc.1"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered#prod#4", "layered@v1.10.0^{}", "rollback from v2.0.0-rc.1")
    before = versions_in("prod")
    if how == "deleted":
        run(registry, "git tag --delete layered@v2.0.0-rc.1")
    else:
        tag(registry, "layered@v2.0.0-rc.1!", "layered@v2.0.0-rc.1^{}", second=9)
    assert versions_in("prod") == before == ["v1.9.0", "v1.10.0"]


def test_a_rollback_past_a_deregistered_version_reaches_the_tagged_one(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0", "v2.0.0-rc.1"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered@v2.0.0-rc.1!", "layered@v2.0.0-rc.1^{}", second=9)
    tag(registry, "layered#prod#4", "layered@v1.9.0^{}", "rollback from v1.10.0")
    assert versions_in("prod") == ["v1.9.0"]


def test_a_version_repeated_after_a_removal_counts_once(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0", "v1.9.0"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered@v1.10.0!", "layered@v1.10.0^{}", second=9)
    assert versions_in("prod") == ["v1.9.0"]


def test_a_missing_or_damaged_dossier_is_read_as_empty(registry):
    (registry / "registry" / "dossier.json").write_text("{", encoding="utf-8")
    run(registry, "git commit -q -a -m damaged")
    tag(registry, "layered@v3.0.0", "HEAD")
    run(registry, "git rm -q registry/dossier.json")
    run(registry, "git commit -q -m missing")
    tag(registry, "layered@v3.1.0", "HEAD")
    assert [version.summary for version in read_state().versions[-2:]] == [{}, {}]


def test_a_registered_model_is_found_by_its_digest(registry, tmp_path_factory, monkeypatch):
    for version, model in (("v3.0.0", "aa"), ("v3.1.0", "bb")):
        (registry / "registry" / "dossier.json").write_text(json.dumps({"model": model}), encoding="utf-8")
        run(registry, f"git commit -q -a -m {version}")
        tag(registry, f"layered@{version}", "HEAD")
    assert [registered(model) for model in ("aa", "bb", "ab", None)] == ["v3.0.0", "v3.1.0", None, None]
    monkeypatch.chdir(tmp_path_factory.mktemp("nothing"))
    assert registered("aa") is None


def test_without_versions_fetching_from_a_remote_is_suggested(registry):
    assert none_here().startswith("no version yet")
    run(registry, "git remote add origin ../hub.git")
    assert "git fetch --tags" in none_here()


def test_an_unknown_version_is_reported_with_the_known_ones():
    state = State([Version("v1.0.0", "0" * 40, {}), Version("v1.1.0", "1" * 40, {})])
    assert state.version("1.1.0").commit == "1" * 40
    with pytest.raises(UserError, match=r"^registry: no version 1\.0; there are: v1\.0\.0, v1\.1\.0$"):
        state.version("1.0")
    with pytest.raises(UserError, match=r"^registry: v1\.0\.0: no version "):
        State().version("v1.0.0")


def test_without_a_repository_there_is_no_registry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="no Git repository here; a downloaded archive has none"):
        read_state()


def test_a_version_is_immutable():
    with pytest.raises(AttributeError):
        Version("v1.0.0", "0" * 40, {}).name = "v2.0.0"
