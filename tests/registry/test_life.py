"""A model's whole life, by the commands that people use, with a real Git remote and a DVC remote."""

from __future__ import annotations

import functools
import json
import os
import shutil

import pandas as pd
import pytest
from conftest import ROOT
from dvc_project import isolate, run
from finished import copy_of
from in_process import glioflow, glioflow_alone
from life import finish_run, judged_model, push, refused, said, settle, table, write_project

from components.common.errors import UserError
from components.common.files import write_json
from components.common.params import load
from components.registry import dossier, promotion
from components.scans.identity import fingerprint

pytest_plugins = ["evaluated"]

# What a pixel must be brighter by: the demo's tumours are by 35 and more.
DRAWS_WELL, DRAWS_LESS, MISSES_MUCH = 35.0, 50.0, 60.0


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)


@pytest.fixture(scope="module", autouse=True)
def one_bill():
    """Write the bill of materials of this environment once: it is the same for every version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dossier, "sbom", functools.cache(dossier.sbom))
        yield


@pytest.fixture(scope="module")
def trained(predicted, judged):
    """Models by the letters of the story: a first one, a worse one, a better one."""
    made = {
        name: {
            network: {"code": name * 16, "people": [], "start": "5" * 64, "started_from": ["reference"]}
            for network in ("classifier", "segmenter")
        }
        for name in "abc"
    }
    cuts = {"a": DRAWS_LESS, "b": MISSES_MUCH, "c": DRAWS_WELL}
    return {name: judged_model(predicted, judged, cut=cuts[name], made_from=made[name]) for name in "abc"}


@pytest.fixture(scope="module")
def released(trained, tmp_path_factory):
    """`project` with the three models as its versions, and what they are shared on: `hub.git`, and `store` for files.

    Addresses are relative, so that a copy of the folder leads to itself.
    """
    folder = tmp_path_factory.mktemp("released")
    project = folder / "project"
    project.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        run(folder, "git init -q --bare -b main hub.git")
        write_project(project, git_remote="origin")
        run(project, "dvc remote add -q -d store ../store")
        run(project, "git commit -q -a -m store")
        run(project, "git remote add origin ../hub.git")
        run(project, "git push -q origin main")
        for model in trained.values():
            release(project, model)
    return folder


@pytest.fixture
def project(released, tmp_path):
    """A copy of `released` for the test alone, as far as the project; the rest lies beside it."""
    return copy_of(released, tmp_path / "copy") / "project"


def release(project, found):
    finish_run(project, found)
    return push(project)


def clone(project, name="other"):
    run(project.parent, "git clone -q hub.git", name)
    return project.parent / name


def test_from_training_to_rollback(project):
    assert table(project) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "-")]
    assert said(project, "promote", "v1.0.0", "--stage", "staging") == "v1.0.0 is now in staging\n"
    assert ("v1.0.0", "staging") in table(project)
    assert said(project, "promote", "1.0.0", "--stage", "prod") == "v1.0.0 is now in prod\n"
    assert ("v1.0.0", "staging, prod") in table(project)

    assert "v1.0.0 is there, and against the champion: mean difference of volume Dice -0.0" in refused(
        project, "promote", "v1.1.0", "--stage", "staging"
    )
    assert table(project) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "staging, prod")]

    assert "it has not been in staging" in refused(project, "promote", "v1.2.0", "--stage", "prod")
    said(project, "promote", "v1.2.0", "--stage", "staging")
    said(project, "promote", "v1.2.0", "--stage", "prod")
    assert table(project) == [("v1.2.0", "staging, prod"), ("v1.1.0", "-"), ("v1.0.0", "-")]
    assert "is already in prod" in refused(project, "promote", "v1.2.0", "--stage", "prod")

    assert said(project, "rollback", "--stage", "prod") == "v1.0.0 is back in prod, in place of v1.2.0\n"
    assert table(project) == [("v1.2.0", "staging"), ("v1.1.0", "-"), ("v1.0.0", "prod")]
    last = "git for-each-ref --sort=-version:refname --count=1 --format=%(*objectname)"  # DVC takes what it names
    assert run(project, f"{last} refs/tags/layered#prod#*") == run(project, f"{last} refs/tags/layered@v1.0.0")
    assert "prod has no previous version to go back to" in refused(project, "rollback", "--stage", "prod")
    assert run(project, "git status --porcelain --untracked-files=no") == ""
    assert run(project, "git log --oneline").count("\n") == 2  # nobody's branch has moved


def test_another_clone_gets_every_version_by_dvc(project, trained):
    said(project, "promote", "v1.0.0", "--stage", "staging")
    other = clone(project)
    for where, options, found in (("one", "--rev v1.0.0", "a"), ("two", "", "c"), ("three", "--stage staging", "a")):
        run(other, f"dvc artifacts get . layered {options} -o {where}")
        variables = "variables/variables.data-00000-of-00001"
        original = trained[found].layered / "Format-Serving" / variables
        assert (other / where / "1" / variables).read_bytes() == original.read_bytes()
    files = other / "one" / "dossier"
    assert {path.name for path in files.iterdir()} == {
        *("metrics.json", "details.json", "verdict.json", "model_card.md", "params.yaml", "versions.json"),
        "sbom.cdx.json",
    }
    made_from = json.loads((files / "versions.json").read_text(encoding="utf-8"))["data"]
    assert {(one["start"], *one["started_from"]) for one in made_from.values()} == {("5" * 64, "reference")}
    bill = (files / "sbom.cdx.json").read_text(encoding="utf-8")
    packages = {part["purl"].split("@")[0] for part in json.loads(bill)["components"] if "purl" in part}
    assert {"pkg:pypi/tensorflow-cpu", "pkg:pypi/tfx", "pkg:pypi/dvc"} <= packages
    assert "file:" not in bill
    assert table(other) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "staging")]


@pytest.mark.nightly
def test_in_processes_of_their_own_with_the_files_in_a_bucket(tmp_path, trained, bucket):
    """The one story in which nothing is shared with the test's process, not even an import."""
    folder, hub = tmp_path / "project", tmp_path / "hub.git"
    folder.mkdir()
    run(tmp_path, "git init -q --bare -b main hub.git")
    write_project(folder, git_remote=str(hub))
    run(folder, f"dvc remote add -q -d store gs://{bucket.name}/dvc")
    run(folder, "dvc remote modify store endpointurl", os.environ["STORAGE_EMULATOR_HOST"])
    run(folder, "git commit -q -a -m store")
    run(folder, "git push -q", str(hub), "main")
    finish_run(folder, trained["a"])
    assert "push: v1.0.0" in push(folder, by=glioflow_alone)
    assert list(bucket.list_blobs(prefix="dvc/files"))
    shutil.rmtree(folder)
    other = clone(folder)
    run(other, "dvc artifacts get . layered --rev v1.0.0 -o got")
    original = trained["a"].layered / "Format-Serving" / "saved_model.pb"
    assert (other / "got" / "1" / "saved_model.pb").read_bytes() == original.read_bytes()
    told = refused(other, "promote", "v9.0.0", "--stage", "staging", by=glioflow_alone)
    assert told == "glioflow: registry: no version v9.0.0; there are: v1.0.0"


def test_a_version_s_commit_holds_code_parameters_and_results_and_no_patient(project, tested):
    listed = run(project, "git ls-tree -r --name-only layered@v1.0.0").split()
    assert {"dvc.yaml", "params.yaml", "registry/layered.dvc", "registry/dossier.json", "reports/metrics.json"} <= set(
        listed
    )
    summary = run(project, "git show layered@v1.0.0:registry/dossier.json")
    assert len(json.loads(summary)["scores"]) == len(tested.patients)
    assert not any(patient in summary for patient in tested.patients)


def test_a_model_that_was_assembled_after_the_verdict_is_not_registered(project, trained):
    finish_run(project, trained["a"])
    (file,) = (project / "artifacts" / "layered").rglob("layered.json")
    write_json(file, json.loads(file.read_text()) | {"mask_threshold": 0.9})
    before = table(project)
    result = glioflow("stage", "push", cwd=project)
    told = "glioflow: artifacts/layered: is not the model that was evaluated; run `dvc repro`\n"
    assert (result.returncode, result.stderr) == (2, told)
    assert table(project) == before


def test_every_examination_of_a_person_counts_in_a_promotion(project, trained):
    finish_run(project, trained["a"])
    artifacts, reports = project / "artifacts", project / "reports"
    file = artifacts / "predictions" / "patients.csv"
    patients = pd.read_csv(file)
    names = [f"P{number // 2}_2020010{number % 2 + 1}" for number in range(patients["patient"].nunique())]
    patients["patient"] = patients["patient"].map(dict(zip(patients["patient"].unique(), names, strict=True)))
    patients.iloc[::-1].to_csv(file, index=False)
    of_reports = (reports / name for name in ("metrics.json", "details.json"))
    verdict, card = artifacts / "blessing" / "verdict.json", reports / "model_card.md"
    record = dossier.Record(artifacts / "layered", file.parent, *of_reports, verdict, card, project / "params.yaml")
    kept = dossier.scores(dossier.summary(record))
    assert len(kept) == len(names) > 2
    second = dict(zip(kept["patient"], kept["volume_dice"], strict=True))[f"{fingerprint('P0_20200101')}-2"]
    (of_it,) = patients.query("patient == 'P0_20200102' and gate == 'on'")["volume_dice"]
    assert second == pytest.approx(of_it, nan_ok=True)


def test_the_same_model_is_registered_once(project, trained):
    before = table(project)
    assert "push: v1.0.0" in release(project, trained["a"])
    assert table(project) == before


def test_force_needs_a_reason_and_the_tag_keeps_it(project):
    said(project, "promote", "v1.0.0", "--stage", "staging")
    without = glioflow("promote", "v1.1.0", "--stage", "staging", "--force", cwd=project)
    assert without.returncode == 2
    assert "--force and --reason belong together" in without.stderr
    said(project, "promote", "v1.1.0", "--stage", "staging", "--force", "--reason", "the scanner has changed")
    told = run(project, "git tag -l layered#staging#2 --format=%(contents)")
    assert "the scanner has changed" in told
    assert "v1.0.0 is there" in told


def test_what_came_without_a_dossier_is_not_promoted(tmp_path):
    write_project(tmp_path)
    run(tmp_path, "git commit -q --allow-empty -m second")
    assert said(tmp_path, "models").startswith("no version yet")
    run(tmp_path, "gto register layered HEAD --version v3.0.0")
    for tag in ("layered@v3.0.0-rc.1", "layered#staging"):  # as GTO reads them, too, and people write by hand
        run(tmp_path, f"git tag -a {tag} -m by-hand HEAD~1")
    assert table(tmp_path) == [("v3.0.0", "-"), ("v3.0.0-rc.1", "staging")]
    assert "the gate's verdict is unknown" in refused(tmp_path, "promote", "v3.0.0", "--stage", "staging")


def test_of_two_who_promote_at_once_one_wins_and_the_other_is_told(project, monkeypatch):
    other, parameters = clone(project), load(project / "params.yaml")

    def somebody_is_faster(*arguments):
        """Between the look at the registry and the tag, another clone promotes."""
        monkeypatch.setattr(promotion, "objections", real)
        said(other, "promote", "v1.0.0", "--stage", "staging")
        return real(*arguments)

    real = promotion.objections
    monkeypatch.chdir(project)
    monkeypatch.setattr(promotion, "objections", somebody_is_faster)
    with pytest.raises(UserError, match="somebody else has just changed staging on origin"):
        promotion.promote("v1.1.0", "staging", parameters.gate, seed=1, remote="origin")
    assert run(project, "git tag -l layered#*") == ""
    assert table(other) == table_after_fetch(project) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "staging")]


def table_after_fetch(project):
    run(project, "git fetch -q --tags")
    return table(project)


def test_without_a_commit_the_model_is_there_and_has_no_version(tmp_path, trained):
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder / name)
    settle(folder, git_remote=None)
    finish_run(folder, trained["a"])
    assert "without a version" in push(folder)
    assert (folder / "registry" / "layered" / "1" / "saved_model.pb").exists()
    assert "no Git repository here" in refused(folder, "models")


def test_predict_takes_a_model_by_its_stage(project, tested, tmp_path):
    said(project, "promote", "v1.0.0", "--stage", "staging")
    shutil.rmtree(project / "registry")
    said(project, "predict", str(tested.scans), "--model", "registry:staging", "--out", str(tmp_path / "found"))
    assert (tmp_path / "found" / "predictions.csv").exists()
    assert "there is no version in prod" in refused(
        project, "predict", str(tested.scans), "--model", "registry:prod", "--out", str(tmp_path / "other")
    )
    assert "no version v9" in refused(
        project, "predict", str(tested.scans), "--model", "registry:v9", "--out", str(tmp_path / "other")
    )
