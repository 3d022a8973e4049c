"""Prediction into a folder that holds earlier results: what is kept, predicted anew, or refused."""

from __future__ import annotations

import io
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from layered_models import LOCAL_RUNNER, write_layered
from PIL import Image
from prediction_runs import NO_OPTIONS, files, predict_with_overlays, rows, write_model
from scan_writers import write_nifti

from components.common.errors import UserError
from components.sources import open_source
from pipelines import predicting


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def out(demo_source, model, tmp_path_factory):
    return predict_with_overlays(demo_source, model, tmp_path_factory.mktemp("predicted") / "out")


def test_a_stopped_run_resumes(demo_source, model, out, tmp_path, capsys):
    original, stopped = files(out), tmp_path / "out"
    for path, data in original.items():
        (stopped / path).parent.mkdir(parents=True, exist_ok=True)
        (stopped / path).write_bytes(data)
    names = sorted(path.stem for path in (out / "patients").glob("*.json"))
    for name in names[3:]:
        (stopped / "patients" / f"{name}.json").unlink()
    (stopped / "predictions.csv").unlink()
    untouched = (stopped / "patients" / f"{names[0]}.csv").stat().st_mtime_ns
    options = NO_OPTIONS | {"overlays": True, "resume": True}
    assert predicting.run((str(demo_source),), str(model), str(stopped), **options) == 0
    assert files(stopped) == original
    assert (stopped / "patients" / f"{names[0]}.csv").stat().st_mtime_ns == untouched
    assert "3 of them before" in capsys.readouterr().out


@pytest.fixture
def two_patients(demo_source, model, tmp_path, capsys):
    """Copies of two of the demo's patients, in `in`; `out` holds their results."""
    names = sorted(path.name for path in demo_source.iterdir() if path.is_dir())[:2]
    for name in names:
        shutil.copytree(demo_source / name, tmp_path / "in" / name)
    assert predicting.run((str(tmp_path / "in"),), str(model), str(tmp_path / "out"), **NO_OPTIONS) == 0
    capsys.readouterr()
    return names


def resume(folder, model, **options):
    arguments = NO_OPTIONS | {"resume": True, **options}
    return predicting.run((str(folder / "in"),), str(model), str(folder / "out"), **arguments)


def predicted_files(folder, patient):
    return {path: data for path, data in files(folder / "out").items() if patient in str(path)}


@pytest.mark.parametrize("beam_args", [[], LOCAL_RUNNER], ids=["here", "beam"])
def test_a_replaced_scan_is_predicted_anew(two_patients, model, tmp_path, capsys, beam_args):
    """Even if the files have the same names, sizes and times as before."""
    replaced, other = two_patients
    before, kept = predicted_files(tmp_path, replaced), predicted_files(tmp_path, other)
    untouched = (tmp_path / "out" / "patients" / f"{other}.csv").stat().st_mtime_ns
    for path in (tmp_path / "in" / replaced).glob("*[0-9].tif"):
        found = path.stat()
        Image.fromarray(np.asarray(Image.open(path))[::-1]).save(path)
        os.truncate(path, max(found.st_size, path.stat().st_size))
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert resume(tmp_path, model, beam_args=beam_args) == 0
    assert "1 of them before, 1 anew, whose scan or options had changed" in capsys.readouterr().out
    after = predicted_files(tmp_path, replaced)
    assert after.keys() == before.keys()
    masks = [np.asarray(Image.open(io.BytesIO(found[path]))) for path in before if path.suffix == ".tif"
             for found in (before, after)]  # fmt: skip
    assert any(mask.any() for mask in masks)
    for old, new in zip(masks[::2], masks[1::2], strict=True):
        assert (new != old[::-1]).mean() < 0.01
    assert predicted_files(tmp_path, other) == kept
    assert (tmp_path / "out" / "patients" / f"{other}.csv").stat().st_mtime_ns == untouched


def test_a_replaced_scan_that_fails_keeps_no_earlier_mask(two_patients, model, tmp_path):
    replaced, other = two_patients
    (tmp_path / "in" / replaced / f"{replaced}_1.tif").write_bytes(b"II*\0nothing")
    assert resume(tmp_path, model) == 1
    assert {row["patient"] for row in rows(tmp_path / "out")} == {other}
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == [other]


def test_patients_who_are_in_none_of_the_inputs_keep_their_results_and_are_counted(
    two_patients, model, tmp_path, capsys
):
    gone, other = two_patients
    kept = predicted_files(tmp_path, gone)
    assert resume(tmp_path, model) == 0
    assert "earlier run" not in capsys.readouterr().out
    shutil.rmtree(tmp_path / "in" / gone)
    assert resume(tmp_path, model) == 0
    assert (
        "2 patients predicted, 1 of them before, 1 of an earlier run, in none of these inputs"
        in capsys.readouterr().out
    )
    assert predicted_files(tmp_path, gone) == kept
    assert {row["patient"] for row in rows(tmp_path / "out")} == {gone, other}


def test_a_scan_in_another_format_leaves_no_mask_of_the_earlier_one(two_patients, model, tmp_path):
    with open_source(tmp_path / "in") as source:
        scans = [source.read(name).scan for name in two_patients]
    shutil.rmtree(tmp_path / "in")
    for scan in scans:
        write_nifti(tmp_path / "in", scan)
        (t1,) = (tmp_path / "in").rglob(f"{scan.patient}_t1.nii.gz")
        t1.unlink()  # one of the two lacks it, and has a copy of FLAIR there
    assert resume(tmp_path, model) == 0
    assert sorted(path.name for path in (tmp_path / "out" / "masks").iterdir()) == [
        f"{name}_mask.nii.gz" for name in two_patients
    ]


def test_patients_predicted_with_other_options_are_predicted_anew(two_patients, model, tmp_path):
    assert resume(tmp_path, model, doubt=True) == 0
    assert pd.read_csv(tmp_path / "out" / "patients.csv")["doubt"].notna().all()
    assert sorted(path.name for path in (tmp_path / "out" / "maps").iterdir()) == [
        f"{name}.nii.gz" for name in two_patients
    ]
    assert resume(tmp_path, model, overlays=True) == 0
    assert list((tmp_path / "out" / "maps").iterdir()) == []
    assert (tmp_path / "out" / "overlays").is_dir()


def test_existing_results_and_those_of_another_model_are_left_alone(demo_source, model, out, tmp_path):
    before = files(out)
    with pytest.raises(UserError, match="is not empty; go on with --resume"):
        predicting.run((str(demo_source),), str(model), str(out), **NO_OPTIONS)
    write_layered(tmp_path / "other", cut=29.0)
    with pytest.raises(UserError, match="something other than results of this model"):
        predicting.run((str(demo_source),), str(tmp_path / "other"), str(out), **NO_OPTIONS | {"resume": True})
    assert files(out) == before
