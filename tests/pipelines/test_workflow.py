"""The whole chain, for real: DVC runs every stage in a copy of the project, at tiny sizes."""

from __future__ import annotations

import html.parser
import json
import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from dvc_project import run
from finished import copy_of
from in_process import glioflow
from scipy.special import expit, logit
from whole_project import command, commit, copied, tiny

from components.common.layout import SLICES
from components.layered.record import digest
from components.metrics.slice_scores import auroc
from components.validate.drift import SHARE
from pipelines import run_lock, workflow


@pytest.fixture(scope="module")
def project(finished_project, tmp_path_factory):
    """The finished project, or rather a copy, in which no test changes anything that a stage reads or writes."""
    return copy_of(finished_project, tmp_path_factory.mktemp("workflow") / "project")


@pytest.fixture(scope="module")
def refused(finished_project, warmed, tmp_path_factory):
    """A copy with remotes, in which a scheduled run has met floors out of reach: folder and outcome."""
    place = tmp_path_factory.mktemp("refused")
    folder = copy_of(finished_project, place / "project")
    run(place, "git init -q --bare origin.git")
    run(folder, "git remote add origin ../origin.git")
    run(folder, "git push -q -u origin HEAD")
    run(folder, "dvc remote add -q -d store ../store")
    floors = [f"gate.min_{name}_dice=1" for name in ("volume", "pooled")]
    with chdir(folder):
        workflow.apply(floors)
    return SimpleNamespace(folder=folder, outcome=scheduled(folder, "--sync", PATH=warmed[0]))


def test_the_run_ends_with_a_table_and_the_reports_path(finished_project):
    log = (finished_project / "run.log").read_text(encoding="utf-8").split("--- stderr ---")[0].rstrip()
    table = log[log.rindex("\n\n") :]
    assert "SYNTHETIC" in table
    assert re.search(r"AUROC, slices +0\.\d{3}", table)
    assert re.search(r"Volume Dice, mean +0\.\d{3}", table)
    assert re.search(r"Verdict +BLESSED", table)
    assert str(finished_project / "reports" / "report.html") in table
    assert re.search(
        r"Stages, seconds +demo \d+, ingest \d+, split \d+, .*\bpush \d+, all \d+", " ".join(table.split())
    )


def test_progress_is_seen_and_noise_is_not(finished_project):
    log = (finished_project / "run.log").read_text(encoding="utf-8")
    for progress in ("demo:", "ingest:", "convert train", "TFX: StatisticsGen", "epoch 1/2", "assemble:", "evaluate:"):
        assert progress in log, progress
    for noise in ("Traceback", "Warning", "WARNING", "cuda", "oneDNN", "TF-TRT", "absl"):
        assert noise not in log, noise


@pytest.mark.nightly
def test_processes_that_start_cold_reach_what_warm_ones_reach(finished_project, tmp_path):
    commit(copied(tmp_path))
    result = command("glioflow", "run", *tiny(), cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    metrics = Path("reports", "details.json")
    assert json.loads((tmp_path / metrics).read_text()) == json.loads((finished_project / metrics).read_text())


def test_a_second_run_changes_nothing(project):
    lock = (project / "dvc.lock").read_bytes()
    result = command("dvc", "repro", cwd=project)
    assert result.returncode == 0
    assert "Data and pipelines are up to date." in result.stdout
    assert "Running stage" not in result.stdout
    assert (project / "dvc.lock").read_bytes() == lock


def scheduled(project, *options, **variables):
    result = glioflow("scheduled", *options, cwd=project, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()[-1]


def test_a_scheduled_run_with_nothing_new_does_nothing(project):
    assert scheduled(project) == "scheduled run: nothing new: no stage had to run"


def test_a_scheduled_run_yields_to_another_and_a_run_by_hand_is_refused(project):
    with alone_in(project):
        assert re.match(
            r"scheduled run: another run is under way here, started 2.*; this one yields", scheduled(project)
        )
        result = glioflow("run", cwd=project)
        assert result.returncode == 2
        assert "another run is under way here" in result.stderr


@contextmanager
def alone_in(folder):
    """The lock of a run, held by somebody else: whoever opens its file anew, in whichever process, is another."""
    held = ExitStack()
    with chdir(folder):
        held.enter_context(run_lock.alone())
    with held:
        yield


@contextmanager
def chdir(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def test_a_scheduled_run_tells_what_ran_and_brings_results_to_the_remotes(refused):
    # and not the trainings: none of their inputs has changed
    assert refused.outcome == (
        "scheduled run: ran evaluate, report, push; push: nothing pushed: the model is not blessed"
    )
    cached, brought = (
        {path.relative_to(folder) for path in (folder / "files").rglob("*") if path.is_file()}
        for folder in (refused.folder / ".dvc" / "cache", refused.folder.parent / "store")
    )
    report = yaml.safe_load((refused.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]["report"]
    (made,) = (out["md5"] for out in report["outs"] if out["path"] == "reports/report.html")
    assert Path("files/md5", made[:2], made[2:]) in cached & brought
    assert list((refused.folder.parent / "store" / "runs").rglob("*"))  # what a later run looks up
    assert scheduled(refused.folder, "--sync") == "scheduled run: nothing new: no stage had to run"


def test_dvc_shows_metrics_params_and_plots(project):
    metrics = json.loads(command("dvc", "metrics", "show", "--json", cwd=project).stdout)
    shown = metrics[""]["data"]["reports/metrics.json"]["data"]
    assert 0 <= shown["layered"]["volume_dice_mean"] <= 1
    told = command("dvc", "metrics", "show", cwd=project).stdout
    assert max(map(len, told.splitlines())) < 300  # details would be seventeen screens wide
    plots = command("dvc", "plots", "show", "--out", "plots", cwd=project)
    assert plots.returncode == 0, plots.stderr
    page = (project / "plots" / "index.html").read_text(encoding="utf-8")
    for curve in ("val_auroc", "val_volume_dice", "true_positive_rate", "volume_dice"):
        assert curve in page


def test_git_keeps_the_headline_and_no_patients_name(project):
    told = (project / "reports" / "metrics.json").read_text(encoding="utf-8")
    details = json.loads((project / "reports" / "details.json").read_text(encoding="utf-8"))
    kept = run(project, "git status --porcelain --untracked-files=all")
    assert "reports/metrics.json" in kept
    assert "reports/details.json" not in kept
    assert "DEMO_" not in told
    for group in ("classifier", "segmenter", "layered"):
        assert json.loads(told)[group].items() <= {**details[group], "processing": None}.items()


def test_the_metrics_are_those_of_the_masks_on_disk(project):
    metrics = json.loads((project / "reports" / "metrics.json").read_text(encoding="utf-8"))
    dice = []
    for found in sorted((project / "artifacts" / "predictions").glob("*_mask.nii.gz")):
        prediction = np.asarray(nib.load(found).dataobj) > 0
        reference = np.asarray(nib.load(project / "data" / "scans" / found.name).dataobj) > 0
        dice.append(2 * (prediction & reference).sum() / (prediction.sum() + reference.sum()))
    assert metrics["layered"]["patients"] == len(dice)
    assert metrics["layered"]["volume_dice_mean"] == pytest.approx(np.mean(dice))


def seen_by_tfma(project):
    """Labels of the test slices, and the classifier's own probabilities of them."""
    files = sorted(map(str, (project / "data" / "examples" / "Split-test").glob("*.gz")))
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    network = tf.saved_model.load(str(project / "artifacts" / "classifier" / "Format-Serving"))
    found = network.signatures["examples"](examples=tf.constant(records))["tumor_probability"]
    return np.array([one["has_tumor"].int64_list.value[0] for one in features]), found.numpy()[:, 0].astype(float)


def test_tfma_agrees_with_the_evaluation_by_patient(project):
    metrics = json.loads((project / "reports" / "details.json").read_text(encoding="utf-8"))
    overall = metrics["tfma"]["classifier"]["overall"]
    slices = pd.read_csv(project / "artifacts" / "predictions" / SLICES)
    assert auroc(slices["has_tumor"], slices["tumor_probability"]) == pytest.approx(metrics["classifier"]["auroc"])
    # TFMA sees probabilities before calibration, and tells ten thousand apart: a classifier that has hardly learned
    # has all of its within a few of those, and one next to a border comes to either side of it.
    has_tumor, seen = seen_by_tfma(project)
    said = expit(metrics["calibration"]["tumor_temperature"] * logit(slices["tumor_probability"]))
    assert np.sort(said) == pytest.approx(np.sort(seen), abs=1e-5)
    towards = np.where(has_tumor, 0.1, -0.1)
    worst, best = (auroc(has_tumor, np.ceil(seen * 9999 + shift)) for shift in (-towards, towards))
    assert worst - 1e-6 <= overall["auroc"] <= best + 1e-6
    assert overall["example_count"] == metrics["classifier"]["slices"]
    assert {name for name in metrics["cohorts"] if name.startswith("site=")} <= set(metrics["tfma"]["segmenter"])


def test_the_pushed_model_runs_on_slices(project):
    pushed = json.loads((project / "reports" / "push.json").read_text(encoding="utf-8"))
    assert pushed == {"pushed": True, "version": "v1.0.0", "model": digest(project / "artifacts" / "layered")}
    model = tf.saved_model.load(str(project / "registry" / "layered" / "1"))
    slices = np.random.default_rng(0).integers(0, 256, (3, 50, 70, 3), dtype=np.uint8)
    outputs = model.signatures["serving_default"](slices=tf.constant(slices))
    assert outputs["mask"].shape == (3, 50, 70)
    assert outputs["tumor_probability"].shape == (3,)


def test_no_file_that_git_would_take_names_a_patient(project):
    """`git add .` is what the docs say, and what is in Git is what people share."""
    manifest = pd.read_csv(project / "data" / "manifest.csv")
    patients = {name.encode() for name in manifest["patient"]} | {str(name).encode() for name in manifest["subject"]}
    taken = run(project, "git ls-files --cached --others --exclude-standard").splitlines()
    assert {"dvc.lock", "reports/metrics.json", "reports/model_card.md", "registry/dossier.json"} <= set(taken)
    files = [project / name for name in taken if (project / name).is_file() and not (project / name).is_symlink()]
    assert [str(path) for path in files if any(name in path.read_bytes() for name in patients)] == []
    assert not [name for name in taken if any(patient in name.encode() for patient in patients)]


def test_drift_takes_a_registered_model(project):
    result = glioflow("drift", "data/demo", "--model", "registry:v1.0.0", "--sample", "2", cwd=project)
    assert result.returncode == 0, result.stderr
    assert SHARE in result.stdout


class Page(html.parser.HTMLParser):
    """Collects what a page would load, and pictures without an alternative text."""

    def __init__(self):
        super().__init__()
        self.loads, self.mute = [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in ("img", "script", "link", "iframe"):
            self.loads.append(values.get("src") or values.get("href") or "")
        if tag == "img" and not values.get("alt"):
            self.mute.append(values)


def test_the_report_is_self_contained_and_says_synthetic(project):
    text = (project / "reports" / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.loads
    assert all(link.startswith("data:") for link in page.loads)
    assert page.mute == []
    body = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", text, flags=re.DOTALL)
    for heading in re.findall(r"<h2>(.*?)</h2>", body):
        if heading not in ("The gate", "Exact parameters"):
            assert "synthetic" in heading, heading


def test_a_floor_out_of_reach_refuses_and_pushes_nothing(refused, finished_project):
    told = glioflow("summary", cwd=refused.folder).stdout
    assert re.search(r"Verdict +NOT BLESSED", told)
    assert re.search(r"layered model: volume_dice_mean 0\.\d+ is below its floor 1", told)
    assert re.search(r"segmenter \(TFX Evaluator\): pooled_dice 0\.\d+ is below its floor 1", told)
    assert "nothing pushed" in told
    before = glioflow("models", cwd=finished_project).stdout
    assert "v1.0.0" in before
    assert glioflow("models", cwd=refused.folder).stdout == before
    report = (refused.folder / "reports" / "report.html").read_text(encoding="utf-8")
    assert "NOT BLESSED" in report
