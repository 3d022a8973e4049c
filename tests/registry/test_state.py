"""What the registry's tags say, whoever has set them and when."""

from __future__ import annotations

import json

import pytest
from dvc_project import isolate, run
from tagged import LONG_AGO, MODELS, tag, write_registry

from components.common.errors import UserError
from components.registry.state import State, Version, none_here, number, read_state, registered


@pytest.fixture
def registry(tmp_path, tmp_path_factory, monkeypatch):
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.chdir(tmp_path)
    write_registry(tmp_path, dict.fromkeys(("v1.10.0", "v1.9.0", "v2.0.0-rc.1"), MODELS["v1.0.0"]))
    return tmp_path


def names(stage):
    return [version.name for version in read_state().stacks[stage]]


def test_versions_are_told_in_the_order_of_their_numbers_with_commit_and_dossier(registry):
    state = read_state()
    assert [version.name for version in state.versions] == ["v1.9.0", "v1.10.0", "v2.0.0-rc.1"]
    assert state.versions[1].summary == MODELS["v1.0.0"]
    assert state.versions[1].commit == run(registry, "git rev-parse layered@v1.10.0^{}").strip()
    assert state.stacks == {"staging": [], "prod": []}
    assert (state.standing("prod"), state.ever("prod")) == (None, set())
    assert number("v2.0.0-rc.1") < number("2.0.0")
    assert State().last_change == 0


def test_a_version_that_was_taken_out_is_gone_and_so_is_where_it_stood(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0"), start=1):
        tag(registry, f"layered#staging#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered@v1.9.0!", "layered@v1.9.0^{}", second=9)
    assert [version.name for version in read_state().versions] == ["v1.10.0", "v2.0.0-rc.1"]
    assert names("staging") == ["v1.10.0"]
    assert read_state().ever("staging") == {"v1.10.0"}
    assert read_state().last_change == LONG_AGO + 9


def test_the_number_of_a_tag_tells_the_order_and_without_one_the_time(registry):
    tag(registry, "layered#staging#10", "layered@v1.9.0^{}", second=1)
    tag(registry, "layered#staging#9", "layered@v1.10.0^{}", second=5)
    assert names("staging") == ["v1.10.0", "v1.9.0"]
    assert read_state().last_change == LONG_AGO + 5
    tag(registry, "layered#staging", "layered@v2.0.0-rc.1^{}", second=7)  # no number: the first
    assert names("staging") == ["v2.0.0-rc.1", "v1.10.0", "v1.9.0"]
    tag(registry, "layered#prod#1", "layered@v1.9.0^{}", second=1)
    tag(registry, "layered#prod", "layered@v1.10.0^{}", second=2)
    assert names("prod") == ["v1.10.0", "v1.9.0"]


def test_other_stages_and_what_others_tag_are_passed_over(registry):
    tag(registry, "layered#dev#1", "layered@v1.9.0^{}")
    tag(registry, "other#staging#1", "layered@v1.9.0^{}")
    tag(registry, "layered#prod!#2", "layered@v1.9.0^{}")
    tag(registry, "layered#prod#3", "HEAD~1")  # v1.9.0
    assert read_state().stacks.keys() == {"staging", "prod"}
    assert (names("staging"), names("prod")) == ([], ["v1.9.0"])


def test_a_rollback_takes_the_last_one_back_and_the_only_one_never(registry):
    tag(registry, "layered#prod#1", "layered@v1.9.0^{}", "rollback from v0.1.0")
    assert names("prod") == ["v1.9.0"]
    tag(registry, "layered#prod#2", "layered@v1.10.0^{}")
    tag(registry, "layered#prod#3", "layered@v1.9.0^{}", "rollback from v1.10.0")
    assert names("prod") == ["v1.9.0"]
    tag(registry, "layered#prod#4", "layered@v1.10.0^{}", "no rollback from anywhere")
    assert names("prod") == ["v1.9.0", "v1.10.0"]


def test_where_the_version_that_was_taken_back_is_gone_the_one_before_stands(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered#prod#3", "layered@v1.9.0^{}", "rollback from v1.10.0")
    tag(registry, "layered@v1.10.0!", "layered@v1.10.0^{}", second=9)
    assert read_state().standing("prod").name == "v1.9.0"


@pytest.mark.parametrize("how", ["deregistered", "deleted"])
def test_a_version_taken_out_after_its_rollback_changes_nothing(registry, how):
    for n, version in enumerate(("v1.9.0", "v1.10.0", "v2.0.0-rc.1"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered#prod#4", "layered@v1.10.0^{}", "rollback from v2.0.0-rc.1")
    before = names("prod")
    if how == "deleted":
        run(registry, "git tag --delete layered@v2.0.0-rc.1")
    else:
        tag(registry, "layered@v2.0.0-rc.1!", "layered@v2.0.0-rc.1^{}", second=9)
    assert names("prod") == before == ["v1.9.0", "v1.10.0"]


def test_a_rollback_past_a_version_that_was_taken_out_before_goes_as_far_as_its_tag(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0", "v2.0.0-rc.1"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered@v2.0.0-rc.1!", "layered@v2.0.0-rc.1^{}", second=9)
    tag(registry, "layered#prod#4", "layered@v1.9.0^{}", "rollback from v1.10.0")
    assert names("prod") == ["v1.9.0"]


def test_what_stands_there_twice_once_the_one_between_is_gone_stands_once(registry):
    for n, version in enumerate(("v1.9.0", "v1.10.0", "v1.9.0"), start=1):
        tag(registry, f"layered#prod#{n}", f"layered@{version}^{{}}")
    tag(registry, "layered@v1.10.0!", "layered@v1.10.0^{}", second=9)
    assert names("prod") == ["v1.9.0"]


def test_a_dossier_that_is_missing_or_damaged_is_empty(registry):
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


def test_where_there_is_no_version_a_remote_may_have_some(registry):
    assert none_here().startswith("no version yet")
    run(registry, "git remote add origin ../hub.git")
    assert "git fetch --tags" in none_here()


def test_an_unknown_version_is_told_with_those_there_are():
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


def test_a_version_can_not_be_changed():
    with pytest.raises(AttributeError):
        Version("v1.0.0", "0" * 40, {}).name = "v2.0.0"
