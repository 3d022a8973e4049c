"""`glioflow clean` removes what a run makes, and keeps what no run can make again."""

from __future__ import annotations

import pytest
from whole_project import copy_project

from components.common.errors import UserError
from pipelines.runs import clean


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(copy_project(tmp_path))
    return tmp_path


def write_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")


OUTPUTS = (
    "data/demo/p/p_1.tif",
    "data/scans/p.nii.gz",
    "data/manifest.csv",
    "artifacts/cache/x",
    "reports/metrics.json",
)
KEPT = ("data/hospital/p/p_1.tif", "data/ledger.csv", "registry/layered/1/x", "champion/README.md")


def test_outputs_are_removed_and_irreplaceable_files_are_kept(project):
    write_files(project, *OUTPUTS, *(name for name in KEPT if not (project / name).exists()))
    (project / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    removed = clean.run()
    assert (project / "dvc.lock").exists()
    assert not [name for name in OUTPUTS if (project / name).exists()]
    assert [name for name in KEPT if not (project / name).exists()] == []
    assert "data/demo" in removed
    assert clean.run() == []


def test_a_linked_output_is_removed_without_its_target(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere")
    write_files(outside, "scans/p.nii.gz")
    (project / "data").mkdir()
    (project / "data" / "scans").symlink_to(outside / "scans")
    assert clean.run() == ["data/scans"]
    assert (outside / "scans" / "p.nii.gz").exists()


def test_with_an_unreadable_dvc_yaml_nothing_is_removed(project):
    write_files(project, *OUTPUTS)
    (project / "dvc.yaml").write_text("stages: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"dvc.yaml: .*nothing was removed"):
        clean.run()
    assert [name for name in OUTPUTS if not (project / name).exists()] == []
