"""`glioflow clean` takes what a run makes, and keeps what a run needs and nobody can make again."""

from __future__ import annotations

import pytest
from whole_project import copied

from components.common.errors import UserError
from pipelines import clean


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(copied(tmp_path))
    return tmp_path


def lay(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")


MADE = ("data/demo/p/p_1.tif", "data/scans/p.nii.gz", "data/manifest.csv", "artifacts/cache/x", "reports/metrics.json")
KEPT = ("data/hospital/p/p_1.tif", "data/ledger.csv", "registry/layered/1/x", "champion/README.md")


def test_outputs_go_and_what_only_people_have_stays(project):
    lay(project, *MADE, *(name for name in KEPT if not (project / name).exists()))
    (project / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    removed = clean.run()
    assert (project / "dvc.lock").exists()
    assert not [name for name in MADE if (project / name).exists()]
    assert [name for name in KEPT if not (project / name).exists()] == []
    assert "data/demo" in removed
    assert clean.run() == []


def test_scans_that_stand_under_a_link_are_not_followed(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere")
    lay(outside, "scans/p.nii.gz")
    (project / "data").mkdir()
    (project / "data" / "scans").symlink_to(outside / "scans")
    assert clean.run() == ["data/scans"]
    assert (outside / "scans" / "p.nii.gz").exists()


def test_a_dvc_yaml_that_cannot_be_read_removes_nothing(project):
    lay(project, *MADE)
    (project / "dvc.yaml").write_text("stages: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"dvc.yaml: .*nothing was removed"):
        clean.run()
    assert [name for name in MADE if not (project / name).exists()] == []
