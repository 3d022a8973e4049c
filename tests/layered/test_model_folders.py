"""Folders that hold a layered model, intact or damaged."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from layered_models import write_layered

from components.common.errors import UserError
from components.common.layout import LAYERED, SERVING
from components.layered.predictor import Predictor
from components.layered.record import read_record
from components.metrics.mask_scores import dice
from components.scans.scan import Scan


@pytest.fixture(scope="module")
def layered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layered")
    write_layered(folder)
    return folder


def bright_scan():
    image = np.zeros((2, 64, 64, 3), np.uint8)
    image[0, 20:40, 30:50, 1] = 200
    return Scan("p", "DU", image, np.zeros((2, 64, 64), bool))


def test_a_model_is_read_from_the_folder_of_assemble_or_the_registry(layered):
    for folder in (layered, layered / SERVING):
        views, found = Predictor(folder)(bright_scan())
        assert found.has_tumor.tolist() == [True, False]
        assert dice(found.mask, bright_scan().image[..., 1] > 0) == 1
        assert views.mirrored == pytest.approx(views.mask_probability, abs=1e-6)


def test_an_old_model_without_the_maps_signature_predicts_the_same(layered, tmp_path):
    shutil.copytree(layered / SERVING, tmp_path / "old")
    model = tf.saved_model.load(str(layered / SERVING))
    signatures = {name: model.signatures[name] for name in ("serving_default", "stages")}
    tf.saved_model.save(model, str(tmp_path / "old"), signatures=signatures)
    old, new = (Predictor(folder, "tensorflow") for folder in (tmp_path / "old", layered))
    assert "maps" in new.engine.model.signatures
    assert "maps" not in old.engine.model.signatures
    for one, other in zip(old(bright_scan()), new(bright_scan()), strict=True):
        for name, value in vars(one).items():
            assert np.array_equal(value, getattr(other, name)), name


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def empty(path):
    path.write_bytes(b"")


VARIABLES = "variables/variables.data-00000-of-00001"

FILES = ("saved_model.pb", VARIABLES, "variables/variables.index")


@pytest.mark.parametrize("damage", [cut_in_half, noise, empty, os.unlink])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_model_is_reported_in_one_line(layered, tmp_path, file, damage):
    shutil.copytree(layered / SERVING, tmp_path / "model")
    damage(tmp_path / "model" / file)
    with pytest.raises(UserError, match=r"model: damaged model; copy it again, or run `dvc checkout`") as error:
        Predictor(tmp_path / "model", "tensorflow")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"no layered model there; give a folder that assemble wrote"),
        *((text, r"layered\.json is damaged; copy it again") for text in ("{", "3", "null", "[]", "[" * 100_000)),
        (
            '{"neighbors": 0}',
            r"layered\.json lacks tumor_threshold, mask_threshold, processing; assemble the model again",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_folder_without_a_complete_record_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / LAYERED).parent.mkdir()
        (tmp_path / LAYERED).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        read_record(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("tumor_threshold", "mask_threshold") for value in (None, "0.5", True, -0.1, 35)),
        *((name, value) for name in ("tumor_temperature", "mask_temperature") for value in (None, 0, -1, float("nan"))),
        *(("neighbors", value) for value in (None, -1, 0.5, True)),
        *(
            ("processing", value)
            for value in (None, [], {"min_ml": None}, {"min_ml": -1}, {"largest": 1}, {"least": 2})
        ),
        *(
            ("tumor_smoothing", {"sigma": 1.0, "temperature": 1.0, "threshold": 0.5} | wrong)
            for wrong in ({"sigma": 0}, {"sigma": None}, {"temperature": -1}, {"threshold": 2}, {"more": 1})
        ),
        *(("tumor_smoothing", value) for value in (None, {}, {"sigma": 1.0}, 1.0)),
        ("mirror", "no"),
        ("refer_at_doubt", float("inf")),
        *(("slices", value) for value in (None, {"size": "256"}, {"spacing": 0}, {"channels": "flair"}, {"pixels": 1})),
    ],
)
def test_an_invalid_choice_is_refused(tmp_path, layered, name, value):
    record = json.loads((layered / SERVING / LAYERED).read_text(encoding="utf-8"))
    (tmp_path / LAYERED).parent.mkdir()
    (tmp_path / LAYERED).write_text(json.dumps(record | {name: value}), encoding="utf-8")
    with pytest.raises(UserError, match=rf"{LAYERED} is damaged: {name} can't be .*; copy it again"):
        read_record(tmp_path)


def test_choices_are_read_back_unchanged(layered):
    expected = json.loads((layered / SERVING / LAYERED).read_text(encoding="utf-8"))
    assert read_record(layered) == read_record(layered / SERVING) == expected
