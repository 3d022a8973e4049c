"""A starting network that was trained on a test patient is refused before the first stage, if the splits are known."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from changed_params import params_with
from conftest import ROOT, tiny_tree
from dvc_project import files, isolate, run
from in_process import glioflow
from scan_writers import make_scan, write_kaggle

from components.common.errors import UserError
from components.scans.identity import fingerprint
from pipelines.checks.known_patients import check_tested

SPLITS = "patient,subject,site,split,fold\nP1,P1,x,train,0\nP2,P2,x,val,0\nP3,P3,x,test,0\nP4,P4,x,test,0\n"
STAGES = {
    "ingest": {"cmd": "ls scans > data/manifest.csv", "deps": ["scans"], "outs": ["data/manifest.csv"]},
    "split": {
        "cmd": "cp wanted.csv data/splits.csv",
        "deps": ["data/manifest.csv", "wanted.csv"],
        "outs": ["data/splits.csv"],
    },
}
START = "own/weights/v1"


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A project whose splits are up to date; its stages only copy them."""
    folder = tmp_path_factory.mktemp("split")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        (folder / "data").mkdir()
        write_kaggle(folder / "scans", make_scan("TCGA_DU_0001_19990101"))
        (folder / "wanted.csv").write_text(SPLITS, encoding="utf-8")
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}), encoding="utf-8")
        (folder / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": "scans"}), encoding="utf-8")
        run(folder, "dvc init -q --no-scm")
        run(folder, "dvc repro -q")
    return folder


@pytest.fixture
def project(split, tmp_path, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    folder = shutil.copytree(split, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def write_start_trained_on(*names):
    """Write a starting network that was trained on these patients."""
    folder = ROOT / "benchmarks" / "quality" / "reference" / "segmenter"
    shutil.copytree(folder, START, dirs_exist_ok=True)
    record = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    record["made_from"] = {"people": [fingerprint(name) for name in names]}
    with open(f"{START}/network.json", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(record, file)


def refusal(**options):
    with pytest.raises(UserError) as error:
        check_tested(params_with(segmenter__start=START), **options)
    return str(error.value)


def check(**options):
    check_tested(params_with(segmenter__start=START), **options)


def test_a_known_test_patient_ends_a_run_before_anything_is_written(project):
    write_start_trained_on("P1", "P3", "P9")
    before = files(project)
    result = glioflow("run", "-S", f"segmenter.start={START}", cwd=project)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "glioflow: params.yaml: segmenter.start: own/weights/v1 was trained or chosen on 1 of the 2 test patients, "
        "whose scores would be worthless; let split.file put them into train, leave them out of the source, or take "
        "another start\n"
    )
    after = {path: text for path, text in files(project).items() if path.parts[0] != ".dvc"}
    assert after == {path: text for path, text in before.items() if path.parts[0] != ".dvc"}


def test_patients_of_the_other_splits_may_be_known(project):
    write_start_trained_on("P1", "P2", "P9")
    check()


def test_outdated_splits_are_not_checked(project):
    write_start_trained_on("P3", "P4")
    assert "2 of the 2 test patients" in refusal()
    (project / "wanted.csv").write_text(SPLITS.replace("test", "train"), encoding="utf-8")
    check()


def test_without_splits_nothing_is_reported(project):
    write_start_trained_on("P3")
    (project / "data" / "splits.csv").unlink()
    check()


def test_a_cross_validation_checks_all_patients(project):
    write_start_trained_on("P1", "P2")
    assert "2 of the 4 test patients" in refusal(everybody=True)
    (project / "wanted.csv").write_text(SPLITS.replace("test", "train"), encoding="utf-8")
    assert "2 of the 4 test patients" in refusal(everybody=True)
    write_kaggle(project / "scans", make_scan("TCGA_DU_0002_19990101"))
    check(everybody=True)


def test_without_a_start_no_table_is_read(project):
    (project / "data" / "splits.csv").write_bytes(b"\x00")
    check_tested(params_with())
