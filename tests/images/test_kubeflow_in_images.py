"""The pipeline for Kubeflow, compiled by the image and run in it: each container's own command, each in a container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import built
import pytest
import yaml
from conftest import ROOT, tiny_tree
from containers import Containers
from engine import ran
from whole_project import FILES, NO_FLOORS

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]


@pytest.fixture(scope="module", autouse=True)
def time_for_it(pytestconfig):
    built.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module")
def open_to_all():
    """Files of this process are for everybody, because the containers' user is another one."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def place(tmp_path_factory, open_to_all):
    """A project with tiny parameters, and where artifacts come to lie."""
    place = tmp_path_factory.mktemp("kubeflow")
    place.chmod(0o777)
    project = place / "project"
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
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)  # without which DVC has no stages
    return place


@pytest.fixture(scope="module")
def call(place):
    """Runs a command in a container of the image, where the launcher would have its working folder."""
    image = built.image("cpu")

    def run(command, folder):
        flags = ["--volume", f"{place}:{place}", "--workdir", folder, "--entrypoint", json.dumps([str(command[0])])]
        done = ran(image, *command[1:], flags=[*flags, "--cap-drop", "ALL", "--env", "TMPDIR=/tmp"])
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout

    return run


def test_every_container_of_the_pipeline_ends_well(place, call):
    where = ["--root", place, "--registry", place / "registry", "--out", place / "pipeline.yaml"]
    (place / "pipeline.yaml").touch()
    call(["glioflow", "compile", "kubeflow", *where], place / "project")
    pipeline = Containers((place / "pipeline.yaml").read_text(encoding="utf-8"), place / "run", call)
    for name in pipeline.order():
        pipeline.run(name)
        built.said(f"container of Kubeflow: {name}")
    assert list((place / "registry").rglob("saved_model.pb"))
