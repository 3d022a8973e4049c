"""A model's whole life cycle through glioflow's commands, with a real Git remote and a DVC remote."""

from __future__ import annotations

import functools
import json
import os
import shutil

import pandas as pd
import pytest
from conftest import ROOT
from dvc_project import isolate, run
from finished_project import clone_project
from glioflow_project import (
    finish_run,
    judged_model,
    push,
    refusal,
    run_glioflow,
    set_registry,
    stages_by_version,
    write_project,
)
from in_process import glioflow, glioflow_subprocess

from components.common.errors import UserError
from components.common.files import write_json
from components.common.params import load
from components.registry import dossier, promotion
from components.scans.identity import fingerprint

pytest_plugins = ["evaluation_fixtures"]

# How much brighter a pixel must be to count as tumour: the demo's tumours are brighter by 35 or more.
FINDS_ALL, FINDS_LESS, FINDS_LITTLE = 35.0, 50.0, 60.0


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)


@pytest.fixture(scope="module", autouse=True)
def single_bill_of_materials():
    """Generate this environment's bill of materials only once: it is the same for every version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dossier, "sbom", functools.cache(dossier.sbom))
        yield


@pytest.fixture(scope="module")
def trained(evaluate_model, judge_model):
    """Three models by letter: `a` the first, `b` a worse one, `c` a better one."""
    provenance = {
        name: {
            network: {"code": name * 16, "people": [], "start": "5" * 64, "started_from": ["reference"]}
            for network in ("classifier", "segmenter")
        }
        for name in "abc"
    }
    cuts = {"a": FINDS_LESS, "b": FINDS_LITTLE, "c": FINDS_ALL}
    return {
        name: judged_model(evaluate_model, judge_model, cut=cuts[name], made_from=provenance[name]) for name in "abc"
    }


@pytest.fixture(scope="module")
def released(trained, tmp_path_factory):
    """`project` with the three models as its versions, and its remotes: `hub.git`, and `store` for files.

    Addresses are relative, so that a copy of the folder has its own remotes.
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
    """The project in the test's own copy of `released`, with its remotes next to it."""
    return clone_project(released, tmp_path / "copy") / "project"


def release(project, found):
    finish_run(project, found)
    return push(project)


def clone(project, name="other"):
    run(project.parent, "git clone -q hub.git", name)
    return project.parent / name


def test_a_model_goes_from_training_to_rollback(project):
    assert stages_by_version(project) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "-")]
    assert run_glioflow(project, "promote", "v1.0.0", "--stage", "staging") == "v1.0.0 is now in staging\n"
    assert ("v1.0.0", "staging") in stages_by_version(project)
    assert run_glioflow(project, "promote", "1.0.0", "--stage", "prod") == "v1.0.0 is now in prod\n"
    assert ("v1.0.0", "staging, prod") in stages_by_version(project)

    assert "v1.0.0 is there, and against the champion: mean difference of volume Dice -0.0" in refusal(
        project, "promote", "v1.1.0", "--stage", "staging"
    )
    assert stages_by_version(project) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "staging, prod")]

    assert "it was never promoted to staging, or was rolled back there" in refusal(
        project, "promote", "v1.2.0", "--stage", "prod"
    )
    run_glioflow(project, "promote", "v1.2.0", "--stage", "staging")
    run_glioflow(project, "promote", "v1.2.0", "--stage", "prod")
    assert stages_by_version(project) == [("v1.2.0", "staging, prod"), ("v1.1.0", "-"), ("v1.0.0", "-")]
    assert "is already in prod" in refusal(project, "promote", "v1.2.0", "--stage", "prod")

    assert run_glioflow(project, "rollback", "--stage", "prod") == "v1.0.0 is back in prod, in place of v1.2.0\n"
    assert stages_by_version(project) == [("v1.2.0", "staging"), ("v1.1.0", "-"), ("v1.0.0", "prod")]
    last = "git for-each-ref --sort=-version:refname --count=1 --format=%(*objectname)"  # DVC uses the commit it prints
    assert run(project, f"{last} refs/tags/layered#prod#*") == run(project, f"{last} refs/tags/layered@v1.0.0")
    assert "prod has no previous version to go back to" in refusal(project, "rollback", "--stage", "prod")
    assert run(project, "git status --porcelain --untracked-files=no") == ""
    assert run(project, "git log --oneline").count("\n") == 2  # no branch has moved


def test_another_clone_gets_every_version_through_dvc(project, trained):
    run_glioflow(project, "promote", "v1.0.0", "--stage", "staging")
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
    assert stages_by_version(other) == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "staging")]


@pytest.mark.nightly
def test_separate_processes_share_a_version_through_a_bucket(tmp_path, trained, bucket):
    """The only test here that shares nothing with the test process, not even an import."""
    folder, hub = tmp_path / "project", tmp_path / "hub.git"
    folder.mkdir()
    run(tmp_path, "git init -q --bare -b main hub.git")
    write_project(folder, git_remote=str(hub))
    run(folder, f"dvc remote add -q -d store gs://{bucket.name}/dvc")
    run(folder, "dvc remote modify store endpointurl", os.environ["STORAGE_EMULATOR_HOST"])
    run(folder, "git commit -q -a -m store")
    run(folder, "git push -q", str(hub), "main")
    finish_run(folder, trained["a"])
    assert "push: v1.0.0" in push(folder, by=glioflow_subprocess)
    assert list(bucket.list_blobs(prefix="dvc/files"))
    shutil.rmtree(folder)
    other = clone(folder)
    run(other, "dvc artifacts get . layered --rev v1.0.0 -o got")
    original = trained["a"].layered / "Format-Serving" / "saved_model.pb"
    assert (other / "got" / "1" / "saved_model.pb").read_bytes() == original.read_bytes()
    message = refusal(other, "promote", "v9.0.0", "--stage", "staging", by=glioflow_subprocess)
    assert message == "glioflow: registry: no version v9.0.0; there are: v1.0.0"


def test_a_version_commit_holds_code_params_and_results_but_no_patient(project, test_set):
    listed = run(project, "git ls-tree -r --name-only layered@v1.0.0").split()
    assert {"dvc.yaml", "params.yaml", "registry/layered.dvc", "registry/dossier.json", "reports/metrics.json"} <= set(
        listed
    )
    summary = run(project, "git show layered@v1.0.0:registry/dossier.json")
    assert len(json.loads(summary)["scores"]) == len(test_set.patients)
    assert not any(patient in summary for patient in test_set.patients)


def test_a_model_assembled_after_the_verdict_is_not_registered(project, trained):
    finish_run(project, trained["a"])
    (file,) = (project / "artifacts" / "layered").rglob("layered.json")
    write_json(file, json.loads(file.read_text()) | {"mask_threshold": 0.9})
    before = stages_by_version(project)
    result = glioflow("stage", "push", cwd=project)
    message = "glioflow: artifacts/layered: is not the model that was evaluated; run `dvc repro`\n"
    assert (result.returncode, result.stderr) == (2, message)
    assert stages_by_version(project) == before


def test_every_examination_of_a_person_counts_in_promotion(project, trained):
    finish_run(project, trained["a"])
    artifacts, reports = project / "artifacts", project / "reports"
    file = artifacts / "predictions" / "patients.csv"
    patients = pd.read_csv(file)
    names = [f"P{number // 2}_2020010{number % 2 + 1}" for number in range(patients["patient"].nunique())]
    patients["patient"] = patients["patient"].map(dict(zip(patients["patient"].unique(), names, strict=True)))
    patients.iloc[::-1].to_csv(file, index=False)
    report_paths = (reports / name for name in ("metrics.json", "details.json"))
    verdict, card = artifacts / "blessing" / "verdict.json", reports / "model_card.md"
    record = dossier.Record(artifacts / "layered", file.parent, *report_paths, verdict, card, project / "params.yaml")
    recorded = dossier.scores(dossier.summary(record))
    assert len(recorded) == len(names) > 2
    second = dict(zip(recorded["patient"], recorded["volume_dice"], strict=True))[f"{fingerprint('P0_20200101')}-2"]
    (expected,) = patients.query("patient == 'P0_20200102' and gate == 'on'")["volume_dice"]
    assert second == pytest.approx(expected, nan_ok=True)
    assert recorded["person"].nunique() == len({name.partition("_")[0] for name in names}) < len(names)


def test_the_same_model_is_registered_only_once(project, trained):
    before = stages_by_version(project)
    hub = project.parent / "hub.git"
    run(hub, "git tag -d layered@v1.0.0")  # as if it dated from before the registry was shared
    assert "push: v1.0.0" in release(project, trained["a"])
    assert stages_by_version(project) == before
    assert "layered@v1.0.0" in run(hub, "git tag").split()


def test_force_needs_a_reason_which_the_tag_records(project):
    run_glioflow(project, "promote", "v1.0.0", "--stage", "staging")
    without = glioflow("promote", "v1.1.0", "--stage", "staging", "--force", cwd=project)
    assert without.returncode == 2
    assert "--force and --reason belong together" in without.stderr
    run_glioflow(project, "promote", "v1.1.0", "--stage", "staging", "--force", "--reason", "the scanner has changed")
    message = run(project, "git tag -l layered#staging#2 --format=%(contents)")
    assert "the scanner has changed" in message
    assert "v1.0.0 is there" in message


def test_a_version_without_a_dossier_is_not_promoted(tmp_path):
    write_project(tmp_path)
    run(tmp_path, "git commit -q --allow-empty -m second")
    assert run_glioflow(tmp_path, "models").startswith("no version yet")
    run(tmp_path, "gto register layered HEAD --version v3.0.0")
    for tag in ("layered@v3.0.0-rc.1", "layered#staging"):  # GTO reads these, too, and people set them by hand
        run(tmp_path, f"git tag -a {tag} -m by-hand HEAD~1")
    assert stages_by_version(tmp_path) == [("v3.0.0", "-"), ("v3.0.0-rc.1", "staging")]
    assert "the gate's verdict is unknown" in refusal(tmp_path, "promote", "v3.0.0", "--stage", "staging")


def test_of_two_concurrent_promotions_one_wins_and_the_other_fails(project, monkeypatch):
    other, parameters = clone(project), load(project / "params.yaml")

    def promote_elsewhere_first(*arguments):
        """Let another clone promote after this one has read the registry and before it sets its tag."""
        monkeypatch.setattr(promotion, "objections", real)
        run_glioflow(other, "promote", "v1.0.0", "--stage", "staging")
        return real(*arguments)

    real = promotion.objections
    monkeypatch.chdir(project)
    monkeypatch.setattr(promotion, "objections", promote_elsewhere_first)
    with pytest.raises(UserError, match="somebody else has just changed staging on origin"):
        promotion.promote("v1.1.0", "staging", parameters.gate, seed=1, remote="origin")
    assert run(project, "git tag -l layered#*") == ""
    assert (
        stages_by_version(other)
        == stages_by_version_after_fetch(project)
        == [("v1.2.0", "-"), ("v1.1.0", "-"), ("v1.0.0", "staging")]
    )


def stages_by_version_after_fetch(project):
    run(project, "git fetch -q --tags")
    return stages_by_version(project)


def test_without_a_repository_the_model_is_kept_without_a_version(tmp_path, trained):
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder / name)
    set_registry(folder, git_remote=None)
    finish_run(folder, trained["a"])
    assert "without a version" in push(folder)
    assert (folder / "registry" / "layered" / "1" / "saved_model.pb").exists()
    assert "no Git repository here" in refusal(folder, "models")


def test_predict_accepts_a_model_by_its_stage(project, test_set, tmp_path):
    run_glioflow(project, "promote", "v1.0.0", "--stage", "staging")
    shutil.rmtree(project / "registry")
    run_glioflow(
        project, "predict", str(test_set.scans), "--model", "registry:staging", "--out", str(tmp_path / "found")
    )
    assert (tmp_path / "found" / "predictions.csv").exists()
    assert "there is no version in prod" in refusal(
        project, "predict", str(test_set.scans), "--model", "registry:prod", "--out", str(tmp_path / "other")
    )
    assert "no version v9" in refusal(
        project, "predict", str(test_set.scans), "--model", "registry:v9", "--out", str(tmp_path / "other")
    )
