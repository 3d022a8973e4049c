"""A version that was registered before the registry was shared can be fetched wherever its stage is known."""

from __future__ import annotations

import shutil

import pytest
from dvc_project import run
from tagged_models import GATE, MODELS, run_dvc, tags

from components.common.errors import UserError
from components.registry.promotion import promote, rollback
from components.registry.resolve import model_folder
from components.registry.state import read_state
from components.registry.table import in_words

pytest_plugins = ["registry_fixtures"]
REGISTERED = {name: MODELS[name] for name in ("v1.0.0", "v1.2.0")}


@pytest.fixture
def unshared(registry, hub, tmp_path):
    """The registry, whose remotes have none of its versions: they were made before there were any."""
    run(hub, "git tag -d", *REGISTERED_TAGS)
    run_dvc(registry, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    run(registry, "git commit -q -a -m store")
    run(registry, "git push -q origin main")
    return registry


REGISTERED_TAGS = [f"layered@{name}" for name in REGISTERED]


def clone(registry, monkeypatch, name="other"):
    run(registry.parent, "git clone -q hub.git", name)
    monkeypatch.chdir(registry.parent / name)


def weights(folder):
    return (folder / "1" / "variables" / "variables.data").read_text(encoding="utf-8")


def test_promotion_shares_the_tag_and_the_files_of_an_unshared_version(unshared, hub, monkeypatch):
    promote("v1.0.0", "staging", GATE, seed=1, remote="origin")
    assert run(hub, "git tag").split() == ["layered#staging#1", "layered@v1.0.0"]
    clone(unshared, monkeypatch)
    assert weights(model_folder("registry:staging")) == "v1.0.0"


def test_a_rollback_shares_the_version_it_restores(unshared, hub, monkeypatch):
    promote("v1.0.0", "staging", GATE, seed=1, remote=None)
    promote("v1.2.0", "staging", GATE, seed=1, remote="origin")
    rollback("staging", remote="origin")
    assert {"layered@v1.0.0", "layered@v1.2.0"} <= set(run(hub, "git tag").split())
    clone(unshared, monkeypatch)
    assert weights(model_folder("registry:staging")) == "v1.0.0"


def test_files_only_on_the_remote_are_not_needed_here(unshared):
    promote("v1.0.0", "staging", GATE, seed=1, remote="origin")
    shutil.rmtree(unshared / ".dvc" / "cache")
    assert promote("v1.0.0", "prod", GATE, seed=1, remote="origin").name == "v1.0.0"


def test_a_version_whose_files_cannot_be_shared_gets_no_stage(unshared, hub, tmp_path):
    (tmp_path / "store").write_text("no folder", encoding="utf-8")
    with pytest.raises(UserError, match=r"the files of v1\.0\.0 can't be pushed to DVC's default remote"):
        promote("v1.0.0", "staging", GATE, seed=1, remote="origin")
    assert tags(unshared) == {}
    assert run(hub, "git tag") == ""


def test_a_stage_whose_version_tag_is_missing_is_refused_rather_than_the_one_before(unshared, hub, monkeypatch):
    for version in REGISTERED:
        promote(version, "prod", GATE, seed=1, remote="origin", reason="a test")
    run(hub, "git tag -d layered@v1.2.0")  # as promotions left it before they shared versions
    clone(unshared, monkeypatch)
    for refused in (
        lambda: model_folder("registry:prod"),
        lambda: promote("v1.0.0", "prod", GATE, seed=1, remote="origin"),
        lambda: rollback("prod", remote="origin"),
    ):
        with pytest.raises(UserError, match=r"prod holds a version \(commit \w{8}\) whose tag is not here"):
            refused()
    assert in_words(read_state()).splitlines()[-1].startswith("warn: registry: prod holds a version")
    promote("v1.0.0", "staging", GATE, seed=1, remote="origin")
