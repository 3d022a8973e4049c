"""Prediction from files to tables: by the loop here, by Beam, stopped and gone on with, beside broken scans."""

from __future__ import annotations

import csv
import os

import numpy as np
import pandas as pd
import pytest
from layered_models import HERE, write_layered
from PIL import Image
from written_scans import write_nifti

from components.common.errors import UserError
from components.layered.predictor import Predictor
from components.predict import beam_run, work
from components.predict.score import score
from components.scans import rle
from components.sources import open_source
from components.sources.reading import Options
from pipelines import predicting

NOTHING = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Its masks have specks, which the processing removes, and pixels in slices that stage 1 stops."""
    folder = tmp_path_factory.mktemp("model")
    write_layered(folder, cut=28.0, processing={"largest": False, "min_ml": 0.02}, tumor_threshold=0.6)
    return folder


@pytest.fixture(scope="module")
def expected(demo_source, model):
    """Patient to what evaluation's way of using the model says."""
    predictor = Predictor(model)
    with open_source(demo_source) as source:
        return {name: predictor(source.read(name, masks=False).scan)[1] for name in source.patients}


@pytest.fixture(scope="module")
def out(demo_source, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicted") / "out"
    assert predicting.run((str(demo_source),), str(model), str(folder), **NOTHING | {"overlays": True}) == 0
    return folder


def rows(folder):
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_table_says_what_evaluation_would_have_measured(out, expected):
    table = rows(out)
    assert list(table[0]) == ["patient", "slice", "tumor_probability", "has_tumor", "EncodedPixels"]
    assert [row["patient"] for row in table] == [name for name in sorted(expected) for _ in expected[name].mask]
    removed = 0
    for name, said in expected.items():
        mine = [row for row in table if row["patient"] == name]
        assert [int(row["slice"]) for row in mine] == list(range(1, len(said.mask) + 1))
        np.testing.assert_allclose([float(row["tumor_probability"]) for row in mine], said.tumor_probability, atol=1e-5)
        assert [row["has_tumor"] for row in mine] == [str(int(one)) for one in said.has_tumor]
        drawn = np.stack([rle.decode(row["EncodedPixels"], *said.mask.shape[1:]) for row in mine])
        np.testing.assert_array_equal(drawn, said.mask)
        removed += (said.unprocessed & ~said.mask).sum() + (said.ungated & ~said.mask).sum()
    assert removed > 0  # the gate and the processing had something to do
    assert any(said.mask.any() for said in expected.values())


def test_masks_and_overlays_show_what_the_table_says(out, expected):
    for name, said in expected.items():
        for at, mask in enumerate(said.mask):
            picture = Image.open(out / "masks" / name / f"{name}_{at + 1}_mask.tif")
            np.testing.assert_array_equal(np.asarray(picture), 255 * mask.astype(np.uint8))
            overlay = out / "overlays" / name / f"{name}_{at + 1}.png"
            assert overlay.exists() == bool(mask.any())
            if mask.any():
                pixels = np.asarray(Image.open(overlay)).astype(int)
                red = (pixels[..., 0] > pixels[..., 1] + 100)[::2, ::2]
                assert red.any()
                assert not (red & ~mask).any()


def test_the_table_of_patients_counts(out, expected):
    table = pd.read_csv(out / "patients.csv").set_index("patient")
    assert list(table.index) == sorted(expected)
    assert (table["status"] == "done").all()
    for name, said in expected.items():
        assert table.loc[name, "tumor_voxels"] == said.mask.sum()
        assert table.loc[name, "tumor_slices"] == said.mask.any(axis=(1, 2)).sum()


def test_with_doubt_it_says_whom_to_look_at(demo_source, model, expected, tmp_path, capsys):
    assert predicting.run((str(demo_source),), str(model), str(tmp_path / "out"), **NOTHING | {"doubt": True}) == 0
    table = pd.read_csv(tmp_path / "out" / "patients.csv").set_index("patient")
    assert table["doubt"].to_dict() == pytest.approx({name: said.doubt for name, said in expected.items()}, abs=1e-6)
    assert (table["refer"] == (table["doubt"] >= 0.3)).all()
    assert f"{int(table['refer'].sum())} to look at first" in capsys.readouterr().out


def test_beam_gives_the_same_files(demo_source, model, out, tmp_path):
    options = NOTHING | {"overlays": True, "beam_args": HERE}
    assert predicting.run((str(demo_source),), str(model), str(tmp_path / "out"), **options) == 0
    assert files(tmp_path / "out") == files(out)


def test_beam_loads_one_model_for_all_patients(demo_source, model, tmp_path, monkeypatch):
    loaded = []
    whole = beam_run.Predict.load_model
    monkeypatch.setattr(beam_run.Predict, "load_model", lambda self: loaded.append(os.getpid()) or whole(self))
    with work.opened([str(demo_source)], tmp_path / "out", model, resume=False) as asked:
        assert len(asked.jobs) == 9
        beam_run.predict(asked, tmp_path / "out", model, HERE, None, doubt=False, overlays=False)
    assert len(loaded) == 1


def test_a_stopped_run_goes_on(demo_source, model, out, tmp_path, capsys):
    whole, stopped = files(out), tmp_path / "out"
    for path, data in whole.items():
        (stopped / path).parent.mkdir(parents=True, exist_ok=True)
        (stopped / path).write_bytes(data)
    names = sorted(path.stem for path in (out / "patients").glob("*.json"))
    for name in names[3:]:
        (stopped / "patients" / f"{name}.json").unlink()
    (stopped / "predictions.csv").unlink()
    untouched = (stopped / "patients" / f"{names[0]}.csv").stat().st_mtime_ns
    options = NOTHING | {"overlays": True, "resume": True}
    assert predicting.run((str(demo_source),), str(model), str(stopped), **options) == 0
    assert files(stopped) == whole
    assert (stopped / "patients" / f"{names[0]}.csv").stat().st_mtime_ns == untouched
    assert "3 of them before" in capsys.readouterr().out


def test_results_of_another_model_or_of_nobody_are_left_alone(demo_source, model, out, tmp_path):
    before = files(out)
    with pytest.raises(UserError, match="is not empty; go on with --resume"):
        predicting.run((str(demo_source),), str(model), str(out), **NOTHING)
    write_layered(tmp_path / "other", cut=29.0)
    with pytest.raises(UserError, match="something other than results of this model"):
        predicting.run((str(demo_source),), str(tmp_path / "other"), str(out), **NOTHING | {"resume": True})
    assert files(out) == before


def broken_beside(demo_source, folder, count=2):
    """A few of the demo's patients, and one with a picture that is none."""
    names = sorted(path.name for path in demo_source.iterdir() if path.is_dir())[: count + 1]
    for name in names:
        (folder / name).mkdir(parents=True)
        for path in (demo_source / name).glob("*.tif"):
            (folder / name / path.name).write_bytes(path.read_bytes())
    bad = names[1]
    (folder / bad / f"{bad}_2.tif").write_bytes(b"II*\0nothing")
    return [name for name in names if name != bad], bad


@pytest.mark.parametrize("beam_args", [[], HERE], ids=["here", "beam"])
def test_a_broken_scan_does_not_stop_the_others(demo_source, model, tmp_path, capsys, beam_args):
    good, bad = broken_beside(demo_source, tmp_path / "in")
    address, out = str(tmp_path / "in"), tmp_path / "out"
    assert predicting.run((address,), str(model), str(out), **NOTHING | {"beam_args": beam_args}) == 1
    said = capsys.readouterr().out
    assert f"failed: {bad}: {bad}/{bad}_2.tif: not a readable picture" in said
    assert "2 patients predicted" in said
    assert "1 FAILED" in said
    assert sorted({row["patient"] for row in rows(out)}) == good
    assert sorted(path.name for path in (out / "masks").iterdir()) == good
    # Mended and gone on with, it is predicted, too.
    source = demo_source / bad / f"{bad}_2.tif"
    (tmp_path / "in" / bad / source.name).write_bytes(source.read_bytes())
    assert predicting.run((address,), str(model), str(out), **NOTHING | {"resume": True}) == 0
    assert sorted({row["patient"] for row in rows(out)}) == sorted([*good, bad])


def test_a_patient_in_two_inputs_is_refused(demo_source, model, tmp_path):
    patient = next(path for path in sorted(demo_source.iterdir()) if path.is_dir())
    with pytest.raises(UserError, match=f"patient {patient.name} is in {demo_source}, too"):
        predicting.run((str(demo_source), str(patient)), str(model), str(tmp_path / "out"), **NOTHING)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("harm", ["empty", "file", "text", "half"])
def test_what_is_no_model_is_refused_before_anything_is_written(demo_source, model, tmp_path, harm):
    folder = tmp_path / "model"
    if harm == "file":
        folder.write_text("hello", encoding="utf-8")
    else:
        folder.mkdir()
        if harm != "empty":
            write_layered(folder, light=False)
            (next(folder.rglob("saved_model.pb"))).write_bytes(b"" if harm == "half" else b"not a model")
    with pytest.raises(UserError, match=r"no layered model|damaged model") as error:
        predicting.run((str(demo_source),), str(folder), str(tmp_path / "out"), **NOTHING)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_volumes_are_brought_to_the_slices_that_the_model_knows(model, demo_source, tmp_path):
    with open_source(demo_source) as source:
        scan = source.read(source.patients[0]).scan
    write_nifti(tmp_path / "in", scan)
    write_layered(tmp_path / "model", slices={"size": 48, "spacing": 1.5, "channels": ["pre", "flair", "post"]})
    predicting.run((str(tmp_path / "in"),), str(tmp_path / "model"), str(tmp_path / "out"), **NOTHING)
    expected = Options(48, 1.5)
    with open_source(tmp_path / "in") as source:
        small = source.read(scan.patient, expected, masks=False).scan
    said = Predictor(tmp_path / "model")(small)[1]
    drawn = [rle.decode(row["EncodedPixels"], 48, 48) for row in rows(tmp_path / "out")]
    assert said.mask.any()
    np.testing.assert_array_equal(np.stack(drawn), said.mask)
    assert 0.5 < score(tmp_path / "out", str(tmp_path / "in"), expected)["layered"]["volume_dice_mean"] < 1
