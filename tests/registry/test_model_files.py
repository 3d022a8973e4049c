"""A version is a name for one model, whose files can be had: wherever one of the two is not so, it is refused."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from conftest import tiny_tree
from dvc_project import run
from in_process import glioflow
from tagged import GATE, MODELS, in_folder, tag, tags, write_model

from components.common.errors import UserError
from components.registry.git import fetch_tags
from components.registry.promotion import promote, rollback
from components.registry.pushed import check_tags, in_words
from components.registry.resolve import FETCHED, model_folder
from components.registry.state import none_here, read_state

pytest_plugins = ["registry_here"]
REGISTERED = {name: MODELS[name] for name in ("v1.0.0", "v1.2.0")}


def lose(registry, name):
    """Lose the weights of a version: DVC's cache has them no more."""
    (weights,) = (path for path in (registry / ".dvc" / "cache").rglob("*") if path.is_file() and is_text(path, name))
    weights.unlink()


def is_text(path, text):
    return path.read_bytes() == text.encode()


def said(version, stage="staging", **changes):
    """What a refused promotion says; it sets no tag."""
    before = run(".", "git tag")
    with pytest.raises(UserError) as error:
        promote(version, stage, GATE, seed=1, remote=None, **changes)
    assert run(".", "git tag") == before
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("reason", [None, "it must be"])
def test_a_version_whose_files_are_gone_is_not_promoted_whatever_the_reason(registry, reason):
    lose(registry, "v1.0.0")
    told = said("v1.0.0", reason=reason)
    assert told.startswith("registry: v1.0.0 can't be fetched (")
    assert "neither in DVC's cache nor on the default remote" in told
    assert not (registry / FETCHED / "v1.0.0").exists()
    assert promote("v1.2.0", "staging", GATE, seed=1, remote=None).name == "v1.2.0"


def test_files_on_the_remote_alone_will_do(registry, tmp_path):
    in_folder(registry, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    run(registry, "git checkout -q layered@v1.0.0")
    in_folder(registry, "push", "-q", "registry/layered.dvc")
    run(registry, "git checkout -q main")
    shutil.rmtree(registry / ".dvc" / "cache")
    assert promote("v1.0.0", "staging", GATE, seed=1, remote=None).name == "v1.0.0"
    assert "v1.2.0 can't be fetched" in said("v1.2.0")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert "v1.0.0 can't be fetched" in said("v1.0.0", "prod")


def test_collecting_garbage_keeps_every_version_where_all_tags_count(registry):
    in_folder(registry, "gc", "--workspace", "--all-tags", "--force", "-q")
    assert promote("v1.0.0", "staging", GATE, seed=1, remote=None).name == "v1.0.0"
    in_folder(registry, "gc", "--workspace", "--force", "-q")
    assert "v1.0.0 can't be fetched" in said("v1.0.0", "prod")
    assert promote("v1.2.0", "staging", GATE, seed=1, remote=None).name == "v1.2.0"  # that of the workspace


def test_nobody_goes_back_to_a_version_whose_files_are_gone(registry):
    for version in REGISTERED:
        promote(version, "staging", GATE, seed=1, remote=None)
    lose(registry, "v1.0.0")
    with pytest.raises(UserError, match=r"v1\.0\.0 can't be fetched"):
        rollback("staging", remote=None)
    assert read_state().standing("staging").name == "v1.2.0"


def test_a_version_whose_files_are_not_those_it_was_registered_with_is_refused(registry):
    told = json.loads((registry / "registry" / "dossier.json").read_text(encoding="utf-8"))
    (registry / "registry" / "dossier.json").write_text(json.dumps(told | {"model": "0" * 64}), encoding="utf-8")
    run(registry, "git commit -q -a -m another")
    tag(registry, "layered@v1.3.0", "HEAD")
    assert "the files of v1.3.0 differ from those it was registered with" in said("v1.3.0", reason="it must be")


def test_what_was_fetched_for_another_model_of_that_name_is_not_taken(registry):
    write_model(registry / FETCHED / "v1.0.0", "of another clone")
    fetched = model_folder("registry:v1.0.0")
    assert is_text(fetched / "1" / "variables" / "variables.data", "v1.0.0")
    shutil.rmtree(registry / ".dvc" / "cache")
    assert model_folder("registry:v1.0.0") == fetched  # which needs no cache any more
    with pytest.raises(UserError, match=r"v1\.2\.0 can't be fetched"):
        model_folder("registry:v1.2.0")


def test_all_that_works_from_a_subfolder_too(registry):
    (registry / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    stages = {"push": {"cmd": "glioflow stage push"}}
    (registry / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    below = registry / "notes" / "today"
    below.mkdir(parents=True)
    done = glioflow("promote", "v1.0.0", "--stage", "staging", cwd=below)
    assert (done.stderr, done.stdout) == ("", "v1.0.0 is now in staging\n")
    told = glioflow("models", cwd=below).stdout
    assert told == glioflow("models", cwd=registry).stdout
    assert "BLESSED" in told  # which stands in a file of the version's commit
    assert list(below.iterdir()) == []


def pushed(registry, **told):
    (registry / "reports").mkdir(exist_ok=True)
    (registry / "reports" / "push.json").write_text(json.dumps({"pushed": True, **told}), encoding="utf-8")


def test_a_name_that_stands_for_another_model_here_than_in_the_registry_is_refused(registry):
    models = {version.name: version.summary["model"] for version in read_state().versions}
    pushed(registry, version="v1.0.0", model=models["v1.2.0"])
    assert "the model in this folder is called v1.0.0, and so is another one in the registry" in said("v1.0.0")
    assert in_words() == "v1.2.0: see `glioflow models`"
    pushed(registry, version="v1.0.0", model="0" * 64)
    assert "v1.0.0, as reports/push.json calls it, is another model here" in in_words()
    pushed(registry, version="v1.0.0", model=models["v1.0.0"])
    assert promote("v1.0.0", "staging", GATE, seed=1, remote=None).name == "v1.0.0"


def test_two_models_of_one_name_are_told_by_it(registry, hub):
    run(hub, "git tag -d layered@v1.0.0")
    tag(hub, "layered@v1.0.0", run(hub, "git commit-tree main^{tree} -m apart").strip())
    with pytest.raises(UserError) as error:
        promote("v1.2.0", "staging", GATE, seed=1, remote="origin")
    assert str(error.value).startswith("registry: layered@v1.0.0 on origin differs from the tag here")
    assert "`git tag --delete layered@v1.0.0`, run `git fetch --tags origin`" in str(error.value)
    assert tags(hub) == tags(registry) == {}
    run(registry, "git tag --delete layered@v1.0.0")  # as it says
    promote("v1.2.0", "staging", GATE, seed=1, remote="origin")
    assert set(tags(hub)) == {"layered#staging#1"}


def test_tags_of_others_are_none_of_the_registry_s_business(registry, hub):
    for place in (registry, hub):
        tag(place, "nightly", "main" if place == hub else "main~1")
    tag(hub, "layered#prod#1", "layered@v1.0.0^{}")
    fetch_tags("origin")
    assert read_state().standing("prod").name == "v1.0.0"


def test_a_remote_that_does_not_answer_is_named_with_the_reason(registry):
    with pytest.raises(UserError) as error:
        promote("v1.0.0", "staging", GATE, seed=1, remote="nowhere")
    assert str(error.value).startswith(
        "registry: tags can't be fetched from nowhere (git fetch: fatal: 'nowhere' does "
    )


@pytest.fixture
def untagged(registry, hub, tmp_path, monkeypatch):
    """A clone that has not got the tags, of a repository whose last commit knows a version."""
    pushed(registry, version="v1.2.0", model="0" * 64)
    run(registry, "git add -f reports/push.json")
    run(registry, "git commit -q -m results")
    run(registry, "git push -q origin main")
    run(tmp_path, "git clone -q --no-tags hub.git untagged")
    monkeypatch.chdir(tmp_path / "untagged")
    return tmp_path / "untagged"


def test_a_clone_without_tags_is_told_of_them(untagged):
    assert "`git fetch --tags` brings those of the remote" in none_here()
    assert "registry: v1.2.0: no version here. Versions are Git tags" in said("v1.2.0")
    with pytest.raises(UserError, match=r"there is no version in prod; no version here\. .*git fetch --tags"):
        model_folder("registry:prod")
    there = "approved as v1.2.0, whose tag is not here; `git fetch --tags` brings those of the remote"
    assert in_words() == there
    shutil.rmtree(untagged / ".git")  # as after the download of an archive
    assert in_words() == there


def test_a_clone_without_tags_gives_no_name_away_a_second_time(untagged):
    with pytest.raises(UserError, match=r"names v1\.2\.0, whose tag is not here"):
        check_tags(read_state())
    run(untagged, "git fetch -q --tags")
    check_tags(read_state())
    tag(untagged, "layered@v1.2.0!", "layered@v1.2.0^{}", second=9)  # it was taken out
    check_tags(read_state())
