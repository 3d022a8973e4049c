"""Which stages a change to a file reruns, as `dvc status` says in a project that is up to date."""

from __future__ import annotations

import shutil

import pytest
from conftest import ROOT
from dvc.repo import Repo

from pipelines.editing.params_text import put

TRAININGS = {"train@classifier", "train@segmenter"}
RERUN = {
    "components/report/templates/page.html.j2": {"report"},
    "components/registry/promotion.py": {"push"},
    "models/serving/picture_codec.py": {"assemble"},
    "components/common/progress.py": set(),
    "pipelines/verbs/run.py": set(),
    "components/metrics/surface.py": {"assemble", "evaluate", "report"},
    "models/networks/losses.py": TRAININGS | {"assemble"},
    "components/train/loop.py": TRAININGS,
}


# The page shows every parameter.
STARTS = {"classifier": {"train@classifier", "report"}, "segmenter": {"train@segmenter", "report"}}


@pytest.fixture
def status(project_copy, monkeypatch):
    """Stages that are out of date in a finished project, with code of its own: other tests train by the real one."""
    for name in ("components", "models", "pipelines"):
        code = project_copy / name
        code.unlink()  # a link to the real one
        shutil.copytree(ROOT / name, code, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(project_copy)

    def changed():
        with Repo() as repo:
            return set(repo.status())

    return changed, project_copy


def test_a_change_reruns_the_stages_that_run_it_and_no_training_else(status):
    changed, project = status
    assert changed() == set()
    found = {}
    for name in RERUN:
        file = project / name
        before = file.read_bytes()
        file.write_bytes(before + b"\n")
        found[name] = changed()
        file.write_bytes(before)
    assert found == RERUN
    assert changed() == set()


def test_another_start_reruns_that_training_alone(status):
    changed, project = status
    found = {}
    for network in STARTS:
        before = (project / "params.yaml").read_text(encoding="utf-8")
        after, _ = put(before, [f"{network}.start=reference"], "params.yaml")
        (project / "params.yaml").write_text(after, encoding="utf-8")
        found[network] = changed()
        (project / "params.yaml").write_text(before, encoding="utf-8")
    assert found == STARTS
