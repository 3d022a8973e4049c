"""Fixtures: a repository with registered models for a test to work in, and its remote."""

from __future__ import annotations

import shutil

import pytest
from dvc_project import isolate, run
from tagged_models import MODELS, write_registry

from components.registry import promotion


@pytest.fixture
def isolated(monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    # Git stores whole seconds. No need to wait for the next one: the numbers at the ends of the tags give the order.
    monkeypatch.setattr(promotion, "after", lambda moment: None)


@pytest.fixture(scope="module")
def template(request, tmp_path_factory):
    """The registry of a test module: the models in its `REGISTERED`, or all of them."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        write_registry(folder, getattr(request.module, "REGISTERED", MODELS), files=True)
    shutil.rmtree(folder / "registry" / "layered")  # leave only DVC's pointer in the workspace
    return folder


@pytest.fixture
def registry(isolated, template, tmp_path, monkeypatch):
    """The repository that a test works in."""
    folder = tmp_path / "project"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def hub(registry, tmp_path):
    run(tmp_path, "git clone -q --bare", str(registry), "hub.git")
    run(registry, "git remote add origin", str(tmp_path / "hub.git"))
    return tmp_path / "hub.git"
