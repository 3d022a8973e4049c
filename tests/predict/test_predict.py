"""Prediction from files to tables: in this process, by Beam, resumed after a stop, and with broken scans."""

from __future__ import annotations

import csv
import io
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from layered_models import LOCAL_RUNNER, write_layered
from PIL import Image
from scan_writers import write_nifti

from components.common.errors import UserError
from components.layered.predictor import Predictor
from components.predict import beam_run, work
from components.predict.run_options import RunOptions
from components.predict.score import score
from components.scans import rle
from components.sources import open_source
from components.sources.reading import Options
from pipelines import predicting

NO_OPTIONS = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose masks have specks, which the processing removes, and pixels in slices that stage 1 rejects."""
    folder = tmp_path_factory.mktemp("model")
    write_layered(folder, cut=28.0, processing={"largest": False, "min_ml": 0.02}, tumor_threshold=0.6)
    return folder


@pytest.fixture(scope="module")
def expected(demo_source, model):
    """What the model outputs for each patient when it is used as by the evaluation."""
    predictor = Predictor(model)
    with open_source(demo_source) as source:
        return {name: predictor(source.read(name, masks=False).scan)[1] for name in source.patients}


@pytest.fixture(scope="module")
def out(demo_source, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicted") / "out"
    assert predicting.run((str(demo_source),), str(model), str(folder), **NO_OPTIONS | {"overlays": True}) == 0
    return folder


def rows(folder):
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_prediction_table_equals_what_evaluation_computes(out, expected):
    table = rows(out)
    assert list(table[0]) == ["patient", "slice", "tumor_probability", "has_tumor", "EncodedPixels"]
    assert [row["patient"] for row in table] == [name for name in sorted(expected) for _ in expected[name].mask]
    removed = 0
    for name, output in expected.items():
        own_rows = [row for row in table if row["patient"] == name]
        assert [int(row["slice"]) for row in own_rows] == list(range(1, len(output.mask) + 1))
        np.testing.assert_allclose(
            [float(row["tumor_probability"]) for row in own_rows], output.tumor_probability, atol=1e-5
        )
        assert [row["has_tumor"] for row in own_rows] == [str(int(one)) for one in output.has_tumor]
        decoded = np.stack([rle.decode(row["EncodedPixels"], *output.mask.shape[1:]) for row in own_rows])
        np.testing.assert_array_equal(decoded, output.mask)
        removed += (output.unprocessed & ~output.mask).sum() + (output.ungated & ~output.mask).sum()
    assert removed > 0  # the gate and the processing removed something
    assert any(output.mask.any() for output in expected.values())


def test_masks_and_overlays_show_the_prediction(out, expected):
    for name, output in expected.items():
        for at, mask in enumerate(output.mask):
            picture = Image.open(out / "masks" / name / f"{name}_{at + 1}_mask.tif")
            np.testing.assert_array_equal(np.asarray(picture), 255 * mask.astype(np.uint8))
            overlay = out / "overlays" / name / f"{name}_{at + 1}.png"
            assert overlay.exists() == bool(mask.any())
            if mask.any():
                pixels = np.asarray(Image.open(overlay)).astype(int)
                red = (pixels[..., 0] > pixels[..., 1] + 100)[::2, ::2]
                assert red.any()
                assert not (red & ~mask).any()


def test_the_patient_table_counts_voxels_and_slices(out, expected):
    table = pd.read_csv(out / "patients.csv").set_index("patient")
    assert list(table.index) == sorted(expected)
    assert (table["status"] == "done").all()
    for name, output in expected.items():
        assert table.loc[name, "tumor_voxels"] == output.mask.sum()
        assert table.loc[name, "tumor_slices"] == output.mask.any(axis=(1, 2)).sum()


def test_with_doubt_patients_are_referred_and_counted(demo_source, model, expected, tmp_path, capsys):
    assert predicting.run((str(demo_source),), str(model), str(tmp_path / "out"), **NO_OPTIONS | {"doubt": True}) == 0
    table = pd.read_csv(tmp_path / "out" / "patients.csv").set_index("patient")
    assert table["doubt"].to_dict() == pytest.approx(
        {name: output.doubt for name, output in expected.items()}, abs=1e-6
    )
    assert (table["refer"] == (table["doubt"] >= 0.3)).all()
    assert set(table["refer"]) == {0, 1}  # otherwise either would pass
    assert f"{int(table['refer'].sum())} to look at first" in capsys.readouterr().out


def test_beam_gives_the_same_files(demo_source, model, out, tmp_path):
    options = NO_OPTIONS | {"overlays": True, "beam_args": LOCAL_RUNNER}
    assert predicting.run((str(demo_source),), str(model), str(tmp_path / "out"), **options) == 0
    assert files(tmp_path / "out") == files(out)


def test_beam_loads_one_model_for_all_patients(demo_source, model, tmp_path, monkeypatch):
    loaded = []
    original = beam_run.Predict.load_model
    monkeypatch.setattr(beam_run.Predict, "load_model", lambda self: loaded.append(os.getpid()) or original(self))
    with work.opened([str(demo_source)], tmp_path / "out", model, RunOptions(), resume=False) as work_list:
        assert len(work_list.jobs) == 9
        beam_run.predict(work_list, tmp_path / "out", model, LOCAL_RUNNER, None)
    assert len(loaded) == 1


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


def test_a_scan_in_another_format_leaves_no_mask_of_the_earlier_one(two_patients, model, tmp_path):
    with open_source(tmp_path / "in") as source:
        scans = [source.read(name).scan for name in two_patients]
    shutil.rmtree(tmp_path / "in")
    for scan in scans:
        write_nifti(tmp_path / "in", scan)
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


def copy_with_a_broken_patient(demo_source, folder, count=2):
    """Copy a few of the demo's patients, one of them with an unreadable picture; returns the good names and the bad."""
    names = sorted(path.name for path in demo_source.iterdir() if path.is_dir())[: count + 1]
    for name in names:
        (folder / name).mkdir(parents=True)
        for path in (demo_source / name).glob("*.tif"):
            (folder / name / path.name).write_bytes(path.read_bytes())
    bad = names[1]
    (folder / bad / f"{bad}_2.tif").write_bytes(b"II*\0nothing")
    return [name for name in names if name != bad], bad


@pytest.mark.parametrize("beam_args", [[], LOCAL_RUNNER], ids=["here", "beam"])
def test_a_broken_scan_does_not_stop_the_others(demo_source, model, tmp_path, capsys, beam_args):
    good, bad = copy_with_a_broken_patient(demo_source, tmp_path / "in")
    address, out = str(tmp_path / "in"), tmp_path / "out"
    assert predicting.run((address,), str(model), str(out), **NO_OPTIONS | {"beam_args": beam_args}) == 1
    output = capsys.readouterr().out
    assert f"failed: {bad}: {bad}/{bad}_2.tif: not a readable image" in output
    assert "2 patients predicted" in output
    assert "1 FAILED" in output
    assert sorted({row["patient"] for row in rows(out)}) == good
    assert sorted(path.name for path in (out / "masks").iterdir()) == good
    # Once repaired, the patient is predicted by a resumed run.
    source = demo_source / bad / f"{bad}_2.tif"
    (tmp_path / "in" / bad / source.name).write_bytes(source.read_bytes())
    assert predicting.run((address,), str(model), str(out), **NO_OPTIONS | {"resume": True}) == 0
    assert sorted({row["patient"] for row in rows(out)}) == sorted([*good, bad])


def test_a_patient_in_two_inputs_is_refused(demo_source, model, tmp_path):
    patient = next(path for path in sorted(demo_source.iterdir()) if path.is_dir())
    with pytest.raises(UserError, match=f"patient {patient.name} is in {demo_source}, too"):
        predicting.run((str(demo_source), str(patient)), str(model), str(tmp_path / "out"), **NO_OPTIONS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["empty", "file", "text", "half"])
def test_an_invalid_model_is_refused_before_anything_is_written(demo_source, model, tmp_path, damage):
    folder = tmp_path / "model"
    if damage == "file":
        folder.write_text("hello", encoding="utf-8")
    else:
        folder.mkdir()
        if damage != "empty":
            write_layered(folder, with_litert=False)
            (next(folder.rglob("saved_model.pb"))).write_bytes(b"" if damage == "half" else b"not a model")
    with pytest.raises(UserError, match=r"no layered model|damaged model") as error:
        predicting.run((str(demo_source),), str(folder), str(tmp_path / "out"), **NO_OPTIONS)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_volumes_are_resampled_to_the_slices_of_the_model(model, demo_source, tmp_path):
    with open_source(demo_source) as source:
        scan = source.read(source.patients[0]).scan
    write_nifti(tmp_path / "in", scan)
    write_layered(tmp_path / "model", slices={"size": 48, "spacing": 1.5, "channels": ["pre", "flair", "post"]})
    predicting.run((str(tmp_path / "in"),), str(tmp_path / "model"), str(tmp_path / "out"), **NO_OPTIONS)
    expected = Options(48, 1.5)
    with open_source(tmp_path / "in") as source:
        small = source.read(scan.patient, expected, masks=False).scan
    output = Predictor(tmp_path / "model")(small)[1]
    decoded = [rle.decode(row["EncodedPixels"], 48, 48) for row in rows(tmp_path / "out")]
    assert output.mask.any()
    np.testing.assert_array_equal(np.stack(decoded), output.mask)
    assert 0.5 < score(tmp_path / "out", str(tmp_path / "in"))["layered"]["volume_dice_mean"] < 1
