"""Which stages `dvc status` wants to rerun after one change to a project that was up to date."""

from __future__ import annotations

import shutil

import pytest
from conftest import ROOT
from dvc.repo import Repo

from pipelines.editing.params_text import put

TRAININGS = {"train@classifier", "train@segmenter"}
STAGES_BY_CHANGED_FILE = {
    "components/report/templates/page.html.j2": {"report"},
    "components/registry/promotion.py": {"push"},
    "models/serving/picture_codec.py": {"assemble"},
    "components/common/progress.py": set(),
    "pipelines/verbs/run.py": set(),
    "components/metrics/surface.py": {"assemble", "evaluate", "report"},
    "models/networks/losses.py": TRAININGS | {"assemble"},
    "components/train/loop.py": TRAININGS,
}


# The report reruns too, because its page shows every parameter.
STAGES_BY_CHANGED_START = {"classifier": {"train@classifier", "report"}, "segmenter": {"train@segmenter", "report"}}


@pytest.fixture
def status(project_copy, monkeypatch):
    """A function that lists outdated stages, and the finished project that it looks at, with a copy of the code."""
    for name in ("components", "models", "pipelines"):
        code = project_copy / name
        code.unlink()  # a link to the real one
        shutil.copytree(ROOT / name, code, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(project_copy)

    def outdated():
        with Repo() as repo:
            return set(repo.status())

    return outdated, project_copy


def test_a_code_change_reruns_only_the_stages_that_use_it(status):
    outdated, project = status
    assert outdated() == set()
    found = {}
    for name in STAGES_BY_CHANGED_FILE:
        file = project / name
        before = file.read_bytes()
        file.write_bytes(before + b"\n")
        found[name] = outdated()
        file.write_bytes(before)
    assert found == STAGES_BY_CHANGED_FILE
    assert outdated() == set()


def test_a_changed_start_reruns_only_its_training_and_the_report(status):
    outdated, project = status
    found = {}
    for network in STAGES_BY_CHANGED_START:
        before = (project / "params.yaml").read_text(encoding="utf-8")
        after, _ = put(before, [f"{network}.start=reference"], "params.yaml")
        (project / "params.yaml").write_text(after, encoding="utf-8")
        found[network] = outdated()
        (project / "params.yaml").write_text(before, encoding="utf-8")
    assert found == STAGES_BY_CHANGED_START
