"""`registry:prod` is the version that the Git remote has in prod now, and what it was is printed and recorded."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import tiny_tree
from dvc_project import run
from tagged_models import GATE, MODELS, tag

from components.common.errors import UserError
from components.predict.work import claim
from components.registry.promotion import promote, rollback
from components.registry.resolve import model_folder

pytest_plugins = ["registry_fixtures"]
REGISTERED = {name: MODELS[name] for name in ("v1.0.0", "v1.2.0")}


@pytest.fixture
def behind(registry, hub, monkeypatch):
    """A clone whose remote has moved from v1.0.0 to v1.2.0 since its tags were fetched, and back."""
    promote("v1.0.0", "prod", GATE, seed=1, remote="origin", reason="a test")
    run(registry.parent, "git clone -q hub.git behind")
    folder = registry.parent / "behind"
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"registry": {"git_remote": "origin"}}), "utf-8")
    run(folder, "dvc remote add -q -d store", str(registry / ".dvc" / "cache"))
    promote("v1.2.0", "prod", GATE, seed=1, remote="origin", reason="a test")
    monkeypatch.chdir(folder)
    return folder


def test_a_stage_is_looked_up_on_the_remote(behind, registry, monkeypatch, capsys):
    assert model_folder("registry:prod").name == "v1.2.0"
    assert capsys.readouterr() == ("", "registry:prod is v1.2.0\n")
    monkeypatch.chdir(registry)
    rollback("prod", remote="origin")
    monkeypatch.chdir(behind)
    assert model_folder("registry:prod").name == "v1.0.0"


def test_an_absent_remote_is_reported_and_the_last_known_version_used(behind, hub, capsys):
    hub.rename(hub.with_name("elsewhere.git"))
    assert model_folder("registry:prod").name == "v1.0.0"
    warning, line = capsys.readouterr().err.splitlines()
    assert warning.startswith("warn: registry: tags can't be fetched from origin")
    assert warning.endswith("; taking what prod was when tags were last fetched")
    assert line == "registry:prod is v1.0.0"


def test_a_stage_that_differs_here_and_on_the_remote_is_refused(behind):
    tag(behind, "layered#prod#2", "layered@v1.0.0^{}")
    with pytest.raises(UserError, match=r"layered#prod#2 on origin differs from the tag here"):
        model_folder("registry:prod")


def test_predictions_record_the_version_that_made_them(behind, tmp_path):
    model = model_folder("registry:prod")
    claim(tmp_path / "found", model)
    assert json.loads((tmp_path / "found" / "run.json").read_text(encoding="utf-8"))["version"] == "v1.2.0"
    claim(tmp_path / "other", model.rename(tmp_path / "model"))
    assert "version" not in json.loads((tmp_path / "other" / "run.json").read_text(encoding="utf-8"))
