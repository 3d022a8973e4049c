"""Prediction from files to tables: in this process, by Beam, and with broken scans."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from layered_models import LOCAL_RUNNER, write_layered
from PIL import Image
from prediction_runs import NO_OPTIONS, files, predict_with_overlays, rows, write_model
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


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def expected(demo_source, model):
    """What the model outputs for each patient when it is used as by the evaluation."""
    predictor = Predictor(model)
    with open_source(demo_source) as source:
        return {name: predictor(source.read(name, masks=False).scan)[1] for name in source.patients}


@pytest.fixture(scope="module")
def out(demo_source, model, tmp_path_factory):
    return predict_with_overlays(demo_source, model, tmp_path_factory.mktemp("predicted") / "out")


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
