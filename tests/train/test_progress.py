"""Progress of a training: live plots, TensorBoard, one line per epoch and the bar."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import tensorflow as tf

from components.common.progress import Progress

HISTORY = [{"epoch": float(i), "loss": 1 / (i + 1), "val_auroc": 0.5 + i / 10} for i in range(4)]


def read_rows(folder, name):
    return pd.read_csv(folder / "plots" / "metrics" / f"{name}.tsv", sep="\t")


def report_epochs(epochs, *, history=(), ends=True, **places):
    """Report epochs as a training does, from its start or from a checkpoint."""
    progress = Progress("segmenter", steps=8, epochs=4, **places)
    progress.start(2 * len(history), list(history))
    for number in epochs:
        progress.step()
        progress.step()
        progress.epoch(number, HISTORY[number], best=number == 1)
    if ends:
        progress.close()


def assert_one_row_per_epoch(folder):
    for name in ("loss", "val_auroc"):
        found = read_rows(folder, name)
        assert found["step"].tolist() == [0, 1, 2, 3]
        assert found[name].tolist() == pytest.approx([row[name] for row in HISTORY])
    last = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert last == {"loss": HISTORY[-1]["loss"], "val_auroc": HISTORY[-1]["val_auroc"], "step": 3}


def test_live_plots_hold_one_row_per_epoch(tmp_path):
    report_epochs(range(4), live=str(tmp_path / "reports" / "live"))
    assert_one_row_per_epoch(tmp_path / "reports" / "live")


@pytest.mark.parametrize(("shown", "saved"), [(1, 1), (3, 2), (3, 0), (4, 3)])
def test_after_a_kill_no_row_is_missing_or_duplicated(tmp_path, shown, saved):
    report_epochs(range(shown), live=str(tmp_path / "live"), ends=False)
    report_epochs(range(saved, 4), history=HISTORY[:saved], live=str(tmp_path / "live"))
    assert_one_row_per_epoch(tmp_path / "live")


def test_live_plots_are_written_only_to_their_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_epochs(range(4), live="live")
    assert {path.name for path in tmp_path.iterdir()} == {"live"}
    assert {path.name for path in (tmp_path / "live").iterdir()} == {"metrics.json", "plots"}


def test_nothing_is_written_unless_requested(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_epochs(range(4))
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_every_score_of_every_epoch(tmp_path):
    report_epochs(range(2), tensorboard=str(tmp_path), ends=False)
    report_epochs(range(2, 4), history=HISTORY[:2], tensorboard=str(tmp_path))
    found = {}
    for file in sorted(tmp_path.iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    expected = {(name, i): HISTORY[i][name] for i in range(4) for name in ("loss", "val_auroc")}
    assert found == pytest.approx(expected)


def test_each_epoch_prints_a_line_with_its_scores_and_marks_the_best(capsys):
    report_epochs(range(2, 4), history=HISTORY[:2])
    report_epochs(range(2))
    assert capsys.readouterr().out.splitlines() == [
        "segmenter: resuming at step 4 of 8, epoch 3",
        "epoch 3/4  loss 0.3333  val_auroc 0.7000",
        "epoch 4/4  loss 0.2500  val_auroc 0.8000",
        "epoch 1/4  loss 1.0000  val_auroc 0.5000",
        "epoch 2/4  loss 0.5000  val_auroc 0.6000  (best)",
    ]


def test_the_progress_bar_resumes_where_it_stopped(capsys):
    report_epochs([3], history=HISTORY[:3])
    assert "8/8" in capsys.readouterr().err.splitlines()[-1]
