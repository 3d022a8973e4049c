"""The pipeline for Kubeflow, compiled by the image; each container's command runs in a container of the image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import built_images
import pytest
import yaml
from conftest import ROOT, tiny_tree
from containers import Containers
from engine import run_in_container
from whole_project import FILES, NO_FLOORS

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]


@pytest.fixture(scope="module", autouse=True)
def enough_time(pytestconfig):
    built_images.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module")
def world_writable():
    """Make this process create files that all users can write, because containers run as another user."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, world_writable):
    """A folder for artifacts, with a project with tiny parameters in it."""
    workspace = tmp_path_factory.mktemp("kubeflow")
    workspace.chmod(0o777)
    project = workspace / "project"
    for name in FILES:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, project / name)
    tree = tiny_tree()
    for parameter, value in NO_FLOORS.items():
        group, name = parameter.split(".")
        tree[group][name] = value
    (project / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)  # without it, DVC sees no stages
    return workspace


@pytest.fixture(scope="module")
def call(workspace):
    """A function that runs a command in a container of the image, in a given working folder, like the launcher."""
    image = built_images.image("cpu")

    def run(command, folder):
        flags = [
            "--volume",
            f"{workspace}:{workspace}",
            "--workdir",
            folder,
            "--entrypoint",
            json.dumps([str(command[0])]),
        ]
        result = run_in_container(image, *command[1:], flags=[*flags, "--cap-drop", "ALL", "--env", "TMPDIR=/tmp"])
        assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
        return result.stdout

    return run


def test_every_container_of_the_pipeline_succeeds(workspace, call):
    options = ["--root", workspace, "--registry", workspace / "registry", "--out", workspace / "pipeline.yaml"]
    (workspace / "pipeline.yaml").touch()
    call(["glioflow", "compile", "kubeflow", *options], workspace / "project")
    pipeline = Containers((workspace / "pipeline.yaml").read_text(encoding="utf-8"), workspace / "run", call)
    for name in pipeline.order():
        pipeline.run(name)
        built_images.print_now(f"container of Kubeflow: {name}")
    assert list((workspace / "registry").rglob("saved_model.pb"))
