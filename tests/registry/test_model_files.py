"""A version whose files can't be fetched, or whose name stands for more than one model, is refused."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from conftest import tiny_tree
from dvc_project import run
from in_process import glioflow
from tagged_models import GATE, MODELS, run_dvc, tag, tags, write_model

from components.common.errors import UserError
from components.registry.git import fetch_tags
from components.registry.promotion import promote, rollback
from components.registry.pushed import check_tags, in_words
from components.registry.resolve import FETCHED, model_folder
from components.registry.state import none_here, read_state

pytest_plugins = ["registry_fixtures"]
REGISTERED = {name: MODELS[name] for name in ("v1.0.0", "v1.2.0")}


def delete_weights(registry, name):
    """Delete the weights of a version from DVC's cache."""
    (weights,) = (
        path for path in (registry / ".dvc" / "cache").rglob("*") if path.is_file() and holds_text(path, name)
    )
    weights.unlink()


def holds_text(path, text):
    return path.read_bytes() == text.encode()


def refusal(version, stage="staging", **changes):
    """The error of a promotion that must be refused and set no tag."""
    before = run(".", "git tag")
    with pytest.raises(UserError) as error:
        promote(version, stage, GATE, seed=1, remote=None, **changes)
    assert run(".", "git tag") == before
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("reason", [None, "it must be"])
def test_a_version_with_missing_files_is_not_promoted_even_by_force(registry, reason):
    delete_weights(registry, "v1.0.0")
    content = refusal("v1.0.0", reason=reason)
    assert content.startswith("registry: v1.0.0 can't be fetched (")
    assert "neither in DVC's cache nor on the default remote" in content
    assert not (registry / FETCHED / "v1.0.0").exists()
    assert promote("v1.2.0", "staging", GATE, seed=1, remote=None).name == "v1.2.0"


def test_files_only_on_the_remote_are_enough(registry, tmp_path):
    run_dvc(registry, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    run(registry, "git checkout -q layered@v1.0.0")
    run_dvc(registry, "push", "-q", "registry/layered.dvc")
    run(registry, "git checkout -q main")
    shutil.rmtree(registry / ".dvc" / "cache")
    assert promote("v1.0.0", "staging", GATE, seed=1, remote=None).name == "v1.0.0"
    assert "v1.2.0 can't be fetched" in refusal("v1.2.0")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert "v1.0.0 can't be fetched" in refusal("v1.0.0", "prod")


def test_gc_with_all_tags_keeps_the_files_of_every_version(registry):
    run_dvc(registry, "gc", "--workspace", "--all-tags", "--force", "-q")
    assert promote("v1.0.0", "staging", GATE, seed=1, remote=None).name == "v1.0.0"
    run_dvc(registry, "gc", "--workspace", "--force", "-q")
    assert "v1.0.0 can't be fetched" in refusal("v1.0.0", "prod")
    assert promote("v1.2.0", "staging", GATE, seed=1, remote=None).name == "v1.2.0"  # the version in the workspace


def test_a_rollback_to_a_version_with_missing_files_is_refused(registry):
    for version in REGISTERED:
        promote(version, "staging", GATE, seed=1, remote=None)
    delete_weights(registry, "v1.0.0")
    with pytest.raises(UserError, match=r"v1\.0\.0 can't be fetched"):
        rollback("staging", remote=None)
    assert read_state().current("staging").name == "v1.2.0"


def test_a_version_whose_files_differ_from_its_dossier_is_refused(registry):
    content = json.loads((registry / "registry" / "dossier.json").read_text(encoding="utf-8"))
    (registry / "registry" / "dossier.json").write_text(json.dumps(content | {"model": "0" * 64}), encoding="utf-8")
    run(registry, "git commit -q -a -m another")
    tag(registry, "layered@v1.3.0", "HEAD")
    assert "the files of v1.3.0 differ from those it was registered with" in refusal("v1.3.0", reason="it must be")


def test_files_fetched_for_another_model_of_the_same_name_are_not_used(registry):
    write_model(registry / FETCHED / "v1.0.0", "of another clone")
    fetched = model_folder("registry:v1.0.0")
    assert holds_text(fetched / "1" / "variables" / "variables.data", "v1.0.0")
    shutil.rmtree(registry / ".dvc" / "cache")
    assert model_folder("registry:v1.0.0") == fetched  # without the cache
    with pytest.raises(UserError, match=r"v1\.2\.0 can't be fetched"):
        model_folder("registry:v1.2.0")


def test_promotion_and_listing_work_from_a_subfolder(registry):
    (registry / "params.yaml").write_text(yaml.safe_dump(tiny_tree()), encoding="utf-8")
    stages = {"push": {"cmd": "glioflow stage push"}}
    (registry / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    below = registry / "notes" / "today"
    below.mkdir(parents=True)
    result = glioflow("promote", "v1.0.0", "--stage", "staging", cwd=below)
    assert (result.stderr, result.stdout) == ("", "v1.0.0 is now in staging\n")
    content = glioflow("models", cwd=below).stdout
    assert content == glioflow("models", cwd=registry).stdout
    assert "BLESSED" in content  # read from a file in the version's commit
    assert list(below.iterdir()) == []


def write_push_json(registry, **content):
    (registry / "reports").mkdir(exist_ok=True)
    (registry / "reports" / "push.json").write_text(json.dumps({"pushed": True, **content}), encoding="utf-8")


def test_a_version_that_names_another_model_locally_is_refused(registry):
    models = {version.name: version.summary["model"] for version in read_state().versions}
    write_push_json(registry, version="v1.0.0", model=models["v1.2.0"])
    assert "the model in this folder is called v1.0.0, and so is another one in the registry" in refusal("v1.0.0")
    assert in_words() == "v1.2.0: see `glioflow models`"
    write_push_json(registry, version="v1.0.0", model="0" * 64)
    assert "v1.0.0, as reports/push.json calls it, is another model here" in in_words()
    write_push_json(registry, version="v1.0.0", model=models["v1.0.0"])
    assert promote("v1.0.0", "staging", GATE, seed=1, remote=None).name == "v1.0.0"


def test_different_tags_of_one_name_here_and_on_the_remote_are_refused(registry, hub):
    run(hub, "git tag -d layered@v1.0.0")
    tag(hub, "layered@v1.0.0", run(hub, "git commit-tree main^{tree} -m apart").strip())
    with pytest.raises(UserError) as error:
        promote("v1.2.0", "staging", GATE, seed=1, remote="origin")
    assert str(error.value).startswith("registry: layered@v1.0.0 on origin differs from the tag here")
    assert "`git tag --delete layered@v1.0.0`, run `git fetch --tags origin`" in str(error.value)
    assert tags(hub) == tags(registry) == {}
    run(registry, "git tag --delete layered@v1.0.0")  # as the error advises
    promote("v1.2.0", "staging", GATE, seed=1, remote="origin")
    assert set(tags(hub)) == {"layered#staging#1"}


def test_unrelated_tags_are_ignored_when_fetching(registry, hub):
    for repository in (registry, hub):
        tag(repository, "nightly", "main" if repository == hub else "main~1")
    tag(hub, "layered#prod#1", "layered@v1.0.0^{}")
    fetch_tags("origin")
    assert read_state().current("prod").name == "v1.0.0"


def test_a_missing_remote_is_named_with_the_reason(registry):
    with pytest.raises(UserError) as error:
        promote("v1.0.0", "staging", GATE, seed=1, remote="nowhere")
    assert str(error.value).startswith(
        "registry: tags can't be fetched from nowhere (git fetch: fatal: 'nowhere' does "
    )


@pytest.fixture
def untagged(registry, hub, tmp_path, monkeypatch):
    """A clone without tags of a repository whose last commit names a version."""
    write_push_json(registry, version="v1.2.0", model="0" * 64)
    run(registry, "git add -f reports/push.json")
    run(registry, "git commit -q -m results")
    run(registry, "git push -q origin main")
    run(tmp_path, "git clone -q --no-tags hub.git untagged")
    monkeypatch.chdir(tmp_path / "untagged")
    return tmp_path / "untagged"


def test_a_clone_without_tags_is_advised_to_fetch_them(untagged):
    assert "`git fetch --tags` brings those of the remote" in none_here()
    assert "registry: v1.2.0: no version here. Versions are Git tags" in refusal("v1.2.0")
    with pytest.raises(UserError, match=r"there is no version in prod; no version here\. .*git fetch --tags"):
        model_folder("registry:prod")
    expected = "approved as v1.2.0, whose tag is not here; `git fetch --tags` brings those of the remote"
    assert in_words() == expected
    shutil.rmtree(untagged / ".git")  # as in a downloaded archive
    assert in_words() == expected


def test_a_clone_without_tags_does_not_reuse_a_version_name(untagged):
    with pytest.raises(UserError, match=r"names v1\.2\.0, whose tag is not here"):
        check_tags(read_state())
    run(untagged, "git fetch -q --tags")
    check_tags(read_state())
    tag(untagged, "layered@v1.2.0!", "layered@v1.2.0^{}", second=9)  # GTO's mark of a deregistered version
    check_tags(read_state())
