"""Two clones share scans and the ledger through real Git and DVC remotes: no version is ever put back unnoticed."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT, tiny_tree
from dvc_project import files, isolate, run
from in_process import glioflow
from scan_writers import make_scan, write_kaggle

from components.common.files import write_json

STAGES = ("ingest", "split")
FIRST = [f"TCGA_DU_000{i}_19990101" for i in range(1, 6)]
SECOND = [f"TCGA_CS_000{i}_19990101" for i in range(6)]
SCORES = dict.fromkeys(("volume_dice_mean", "volume_dice_mean_low95", "volume_dice_mean_high95", "volume_dice_median"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory, warm_programs):
    """Clones `mine` and `other` beside their remotes, `hub.git` and `store`; `mine` has shared what `other` lacks."""
    folder = tmp_path_factory.mktemp("shared")
    mine = folder / "mine"
    mine.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        run(folder, "git init -q --bare -b main hub.git")
        for name in ("components", "models", "pipelines", "own"):
            (mine / name).symlink_to(ROOT / name)
        tree = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
        (mine / "dvc.yaml").write_text(yaml.safe_dump({"stages": {name: tree["stages"][name] for name in STAGES}}))
        settings = tiny_tree() | {"source": "scans"}
        settings["ingest"]["workers"] = 1
        (mine / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        shutil.copy(ROOT / ".gitignore", mine)
        run(mine, "git init -q -b main")
        run(mine, "dvc init -q")
        run(mine, "dvc remote add -q -d store ../store")
        run(mine, "git remote add origin ../hub.git")
        add_patients(mine, FIRST)
        run(mine, "dvc add -q scans")
        write_results(mine)
        glioflow_here(mine, warm_programs, "run")
        share(mine, "--set-upstream origin main")
        run(folder, "git clone -q hub.git other")
        run(folder / "other", "git remote set-url origin ../hub.git")  # a copy of the folder has its own remotes
        run(folder / "other", "dvc pull -q")
        write_results(folder / "other")
        add_patients(mine, SECOND)
        run(mine, "dvc add -q scans")
        glioflow_here(mine, warm_programs, "run")
        share(mine)
    return folder


@pytest.fixture
def clones(shared, tmp_path, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    shutil.copytree(shared, tmp_path / "shared", symlinks=True)
    return tmp_path / "shared" / "mine", tmp_path / "shared" / "other"


def add_patients(project, patients):
    for patient in patients:
        write_kaggle(project / "scans", make_scan(patient))


def write_results(project):
    """What the summary of a run reads, for a workflow that ends at the split."""
    verdict = {"verdict": "NOT BLESSED", "reasons": []}
    write_json(project / "artifacts" / "blessing" / "verdict.json", verdict)
    metrics = {"layered": {"patients": 0, **SCORES}, "classifier": {"auroc": None}, "data": "real"}
    write_json(project / "reports" / "metrics.json", metrics)
    write_json(project / "reports" / "push.json", {"pushed": False, "version": None})


def glioflow_here(project, warm_programs, *arguments):
    result = glioflow(*arguments, cwd=project, PATH=warm_programs[0])
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def refusal(project, *arguments):
    before = (files(project / "scans"), run(project, "git rev-parse HEAD"), run(project, "git diff"))
    result = glioflow(*arguments, cwd=project)
    assert result.returncode == 2, result.stdout + result.stderr
    assert (files(project / "scans"), run(project, "git rev-parse HEAD"), run(project, "git diff")) == before
    return result.stderr


def share(project, *options):
    run(project, "dvc push -q")
    run(project, "git add .")
    run(project, "git commit -q -m scans")
    run(project, "git push -q", *" ".join(options).split())


def read_splits(project):
    return pd.read_csv(project / "data" / "splits.csv").set_index("patient")["split"].to_dict()


def test_new_scans_and_their_splits_reach_another_machine(clones, warm_programs):
    mine, other = clones
    glioflow_here(other, warm_programs, "scheduled", "--sync")
    assert files(other / "scans") == files(mine / "scans")
    assert files(other / "data") == files(mine / "data")
    assert run(other, "git status --short") == ""
    add_patients(other, ["TCGA_HT_0001_19990101"])
    assert "scans: changed since scans.dvc was written" in glioflow_here(other, warm_programs, "scheduled", "--sync")
    before, after = read_splits(mine), read_splits(other)
    assert len(after) == len(before) + 1
    assert {patient: after[patient] for patient in before} == before


def test_scans_changed_here_and_upstream_are_refused_and_kept(clones):
    _, other = clones
    add_patients(other, ["TCGA_HT_0001_19990101"])
    for _ in range(2):
        assert "scans: changed here and, in scans.dvc, upstream; nothing was pulled" in refusal(
            other, "scheduled", "--sync"
        )
    run(other, "git pull -q")
    for command in (["run"], ["scheduled", "--sync"]):
        assert "scans: not the version that scans.dvc names, as after `git pull` alone" in refusal(other, *command)
    run(other, "dvc commit -q --force scans.dvc")  # as the error advises
    assert "data/ledger.csv: lacks or contradicts assignments" in refusal(other, "run")


def test_a_version_that_nobody_pushed_removes_nothing(clones):
    mine, other = clones
    shutil.rmtree(mine.parent / "store")
    before = files(other / "scans")
    result = glioflow("scheduled", "--sync", cwd=other)
    assert (result.returncode, files(other / "scans")) == (2, before)
    assert "neither DVC's cache nor the remote holds" in result.stderr


def test_after_git_pull_alone_a_run_asks_for_the_scans_and_the_ledger(clones, warm_programs):
    mine, other = clones
    run(other, "git pull -q")
    assert "scans: not the version that scans.dvc names" in refusal(other, "run")
    run(other, "dvc pull -q scans.dvc")
    assert "persons would change splits; `dvc pull data/ledger.csv` brings" in refusal(other, "run")
    run(other, "dvc pull -q data/ledger.csv")
    glioflow_here(other, warm_programs, "run")
    assert read_splits(other) == read_splits(mine)
    assert run(other, "git status --short") == ""


def test_a_clone_without_the_ledger_assigns_nobody(clones):
    mine, _ = clones
    run(mine.parent, "git clone -q hub.git third")
    third = mine.parent / "third"
    run(third, "dvc pull -q scans.dvc")
    assert "data/ledger.csv: not here, though dvc.lock names one" in refusal(third, "run")


def test_a_deleted_ledger_is_reported_and_made_anew(clones, warm_programs):
    mine, _ = clones
    (mine / "data" / "ledger.csv").unlink()
    assert "data/ledger.csv: deleted, so everybody is assigned anew" in glioflow_here(mine, warm_programs, "run")
    assert (mine / "data" / "ledger.csv").is_file()


def test_a_patient_is_removed_from_scans_ledger_cache_and_remote(clones, warm_programs):
    """The steps of docs/how-to/remove-patient.md, on scans that only DVC's current version may keep."""
    mine, _ = clones
    gone = FIRST[0]
    ledger = mine / "data" / "ledger.csv"
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    ledger.write_text("".join(line for line in lines if not line.startswith("TCGA_DU_0001,")), encoding="utf-8")
    assert "lacks or contradicts assignments" in refusal(mine, "run")
    run(mine, "dvc commit -q --force data/ledger.csv")
    before = read_splits(mine)
    shutil.rmtree(mine / "scans" / gone)
    run(mine, "dvc commit -q --force scans.dvc")
    glioflow_here(mine, warm_programs, "run")
    assert read_splits(mine) == {patient: split for patient, split in before.items() if patient != gone}
    run(mine, "dvc push -q")
    run(mine, "dvc gc -q --workspace --cloud --force")
    for folder in (mine / "data", mine / ".dvc" / "cache", mine.parent / "store"):
        held = files(folder)
        assert not [path for path, content in held.items() if b"TCGA_DU_0001" in content or "DU_0001" in path.name]
