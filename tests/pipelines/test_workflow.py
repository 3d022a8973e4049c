"""The whole workflow for real: DVC runs every stage in a copy of the project, at tiny sizes."""

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
from finished_project import clone_project
from in_process import glioflow
from scipy.special import expit, logit
from whole_project import commit, copy_project, run_command, tiny_switches

from components.common.layout import SLICES
from components.layered.record import digest
from components.metrics.slice_scores import auroc
from components.validate.drift import SHARE
from pipelines.processes import run_lock
from pipelines.runs import workflow


@pytest.fixture(scope="module")
def project(finished_project, tmp_path_factory):
    """A copy of the finished project; no test may change what its stages read or write."""
    return clone_project(finished_project, tmp_path_factory.mktemp("workflow") / "project")


@pytest.fixture(scope="module")
def refused_run(finished_project, warm_programs, tmp_path_factory):
    """A copy with remotes whose scheduled run failed at floors that no model reaches: folder and outcome."""
    parent_folder = tmp_path_factory.mktemp("refused")
    folder = clone_project(finished_project, parent_folder / "project")
    run(parent_folder, "git init -q --bare origin.git")
    run(folder, "git remote add origin ../origin.git")
    run(folder, "git push -q -u origin HEAD")
    run(folder, "dvc remote add -q -d store ../store")
    floors = [f"gate.min_{name}_dice=1" for name in ("volume", "pooled")]
    with chdir(folder):
        workflow.apply(floors)
    return SimpleNamespace(folder=folder, outcome=run_scheduled(folder, "--sync", PATH=warm_programs[0]))


def test_the_run_ends_with_a_table_and_the_path_of_the_report(finished_project):
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


def test_the_log_shows_progress_and_no_noise(finished_project):
    log = (finished_project / "run.log").read_text(encoding="utf-8")
    for progress in ("demo:", "ingest:", "convert train", "TFX: StatisticsGen", "epoch 1/2", "assemble:", "evaluate:"):
        assert progress in log, progress
    for noise in ("Traceback", "Warning", "WARNING", "cuda", "oneDNN", "TF-TRT", "absl"):
        assert noise not in log, noise


@pytest.mark.nightly
def test_cold_processes_give_the_same_metrics_as_warm_ones(finished_project, tmp_path):
    commit(copy_project(tmp_path))
    result = run_command("glioflow", "run", *tiny_switches(), cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    metrics = Path("reports", "details.json")
    assert json.loads((tmp_path / metrics).read_text()) == json.loads((finished_project / metrics).read_text())


def test_a_second_run_changes_nothing(project):
    lock = (project / "dvc.lock").read_bytes()
    result = run_command("dvc", "repro", cwd=project)
    assert result.returncode == 0
    assert "Data and pipelines are up to date." in result.stdout
    assert "Running stage" not in result.stdout
    assert (project / "dvc.lock").read_bytes() == lock


def run_scheduled(project, *options, **variables):
    result = glioflow("scheduled", *options, cwd=project, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()[-1]


def test_a_scheduled_run_with_nothing_new_does_nothing(project):
    assert run_scheduled(project) == "scheduled run: nothing new: no stage had to run"


def test_during_a_run_a_scheduled_one_yields_and_a_manual_one_fails(project):
    with locked_by_another_run(project):
        assert re.match(
            r"scheduled run: another run is under way here, started 2.*; this one yields", run_scheduled(project)
        )
        result = glioflow("run", cwd=project)
        assert result.returncode == 2
        assert "another run is under way here" in result.stderr


@contextmanager
def locked_by_another_run(folder):
    """Hold the lock of a run; opening its file again, even in this process, counts as another run."""
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


def test_a_scheduled_run_reports_its_stages_and_pushes_its_results(refused_run):
    # No training ran, because no input of one has changed.
    assert refused_run.outcome == (
        "scheduled run: ran evaluate, report, push; push: nothing pushed: the model is not blessed"
    )
    cached, stored = (
        {path.relative_to(folder) for path in (folder / "files").rglob("*") if path.is_file()}
        for folder in (refused_run.folder / ".dvc" / "cache", refused_run.folder.parent / "store")
    )
    report = yaml.safe_load((refused_run.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]["report"]
    (made,) = (out["md5"] for out in report["outs"] if out["path"] == "reports/report.html")
    assert Path("files/md5", made[:2], made[2:]) in cached & stored
    assert list((refused_run.folder.parent / "store" / "runs").rglob("*"))  # DVC's run cache, for later runs
    assert run_scheduled(refused_run.folder, "--sync") == "scheduled run: nothing new: no stage had to run"


def test_dvc_shows_metrics_and_plots(project):
    metrics = json.loads(run_command("dvc", "metrics", "show", "--json", cwd=project).stdout)
    shown = metrics[""]["data"]["reports/metrics.json"]["data"]
    assert 0 <= shown["layered"]["volume_dice_mean"] <= 1
    content = run_command("dvc", "metrics", "show", cwd=project).stdout
    assert max(map(len, content.splitlines())) < 300  # with details it would be seventeen screens wide
    plots = run_command("dvc", "plots", "show", "--out", "plots", cwd=project)
    assert plots.returncode == 0, plots.stderr
    page = (project / "plots" / "index.html").read_text(encoding="utf-8")
    for curve in ("val_auroc", "val_volume_dice", "true_positive_rate", "volume_dice"):
        assert curve in page


def test_git_gets_the_main_metrics_and_no_patient_names(project):
    content = (project / "reports" / "metrics.json").read_text(encoding="utf-8")
    details = json.loads((project / "reports" / "details.json").read_text(encoding="utf-8"))
    git_status = run(project, "git status --porcelain --untracked-files=all")
    assert "reports/metrics.json" in git_status
    assert "reports/details.json" not in git_status
    assert "DEMO_" not in content
    for group in ("classifier", "segmenter", "layered"):
        assert json.loads(content)[group].items() <= {**details[group], "processing": None}.items()


def test_the_metrics_match_the_masks_on_disk(project):
    metrics = json.loads((project / "reports" / "metrics.json").read_text(encoding="utf-8"))
    dice = []
    for found in sorted((project / "artifacts" / "predictions").glob("*_mask.nii.gz")):
        prediction = np.asarray(nib.load(found).dataobj) > 0
        reference = np.asarray(nib.load(project / "data" / "scans" / found.name).dataobj) > 0
        dice.append(2 * (prediction & reference).sum() / (prediction.sum() + reference.sum()))
    assert metrics["layered"]["patients"] == len(dice)
    assert metrics["layered"]["volume_dice_mean"] == pytest.approx(np.mean(dice))


def tfma_probabilities(project):
    """Return labels and uncalibrated probabilities of the test slices, as TFMA gets them."""
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
    # TFMA gets probabilities before calibration and sorts them into ten thousand bins. A classifier that has hardly
    # learned fills only a few of them, and a value next to a bin's edge may fall on either side.
    has_tumor, uncalibrated = tfma_probabilities(project)
    restored = expit(metrics["calibration"]["tumor_temperature"] * logit(slices["tumor_probability"]))
    assert np.sort(restored) == pytest.approx(np.sort(uncalibrated), abs=1e-5)
    towards = np.where(has_tumor, 0.1, -0.1)
    worst, best = (auroc(has_tumor, np.ceil(uncalibrated * 9999 + shift)) for shift in (-towards, towards))
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


def test_no_file_that_git_would_add_names_a_patient(project):
    """The docs say `git add .`, and people share what is in Git."""
    manifest = pd.read_csv(project / "data" / "manifest.csv")
    patients = {name.encode() for name in manifest["patient"]} | {str(name).encode() for name in manifest["subject"]}
    added = run(project, "git ls-files --cached --others --exclude-standard").splitlines()
    assert {"dvc.lock", "reports/metrics.json", "reports/model_card.md", "registry/dossier.json"} <= set(added)
    files = [project / name for name in added if (project / name).is_file() and not (project / name).is_symlink()]
    assert [str(path) for path in files if any(name in path.read_bytes() for name in patients)] == []
    assert not [name for name in added if any(patient in name.encode() for patient in patients)]


def test_drift_accepts_a_registered_model(project):
    result = glioflow("drift", "data/demo", "--model", "registry:v1.0.0", "--sample", "2", cwd=project)
    assert result.returncode == 0, result.stderr
    assert SHARE in result.stdout


class Page(html.parser.HTMLParser):
    """Collect what a page would load, and pictures without alternative text."""

    def __init__(self):
        super().__init__()
        self.loads, self.without_alt = [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in ("img", "script", "link", "iframe"):
            self.loads.append(values.get("src") or values.get("href") or "")
        if tag == "img" and not values.get("alt"):
            self.without_alt.append(values)


def test_the_report_is_self_contained_and_says_synthetic(project):
    text = (project / "reports" / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.loads
    assert all(link.startswith("data:") for link in page.loads)
    assert page.without_alt == []
    body = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", text, flags=re.DOTALL)
    for heading in re.findall(r"<h2>(.*?)</h2>", body):
        if heading not in ("The gate", "Exact parameters"):
            assert "synthetic" in heading, heading


def test_an_unreachable_floor_refuses_the_model_and_pushes_nothing(refused_run, finished_project):
    content = glioflow("summary", cwd=refused_run.folder).stdout
    assert re.search(r"Verdict +NOT BLESSED", content)
    assert re.search(r"layered model: volume_dice_mean 0\.\d+ is below its floor 1", content)
    assert re.search(r"segmenter \(TFX Evaluator\): pooled_dice 0\.\d+ is below its floor 1", content)
    assert "nothing pushed" in content
    before = glioflow("models", cwd=finished_project).stdout
    assert "v1.0.0" in before
    assert glioflow("models", cwd=refused_run.folder).stdout == before
    report = (refused_run.folder / "reports" / "report.html").read_text(encoding="utf-8")
    assert "NOT BLESSED" in report
