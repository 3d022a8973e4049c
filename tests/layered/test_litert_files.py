"""LiteRT files that are damaged, cut, of another model or of a newer format: one line, and nothing is written."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
from layered_models import light_files, write_layered

from components.common.errors import UserError
from components.common.layout import LAYERED, LITERT, SERVING
from components.layered.litert_files import ENTRY, described
from components.layered.predictor import Predictor
from components.layered.record import digest
from pipelines import predicting

NOTHING = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}
VALUES = {"cut": 30.0, "spot": 30.0, "gain": 0.3}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "layered"
    write_layered(folder)
    return folder


@pytest.fixture
def model(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def file_of(model, network="segmenter"):
    return model / SERVING / LITERT[network]


def rewrite(model, change):
    """Change what layered.json says."""
    path = model / SERVING / LAYERED
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def put(model, network, data):
    """Put another file there, and into the record, as whoever wants to be believed would."""
    file_of(model, network).write_bytes(data)
    rewrite(model, lambda record: record[ENTRY].update(described({network: data})))


def cut(model):
    file_of(model).write_bytes(file_of(model).read_bytes()[:-100])


def empty(model):
    file_of(model).write_bytes(b"")


def noise(model):
    file_of(model).write_bytes(np.random.default_rng(0).bytes(3000))


def flipped_bit(model):
    data = bytearray(file_of(model).read_bytes())
    data[len(data) // 2] ^= 1
    file_of(model).write_bytes(data)


def gone(model):
    file_of(model).unlink()


def a_folder(model):
    gone(model)
    file_of(model).mkdir()


def swapped(model):
    one, other = (file_of(model, network) for network in LITERT)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def of_other_networks(model):
    file_of(model).write_bytes(light_files(VALUES)["segmenter"])


def unknown_to_the_record(model):
    rewrite(model, lambda record: record.pop(ENTRY))


def half_known(model):
    rewrite(model, lambda record: record[ENTRY].pop("segmenter"))


def nonsense_in_the_record(model):
    rewrite(model, lambda record: record.update({ENTRY: ["segmenter"]}))


def newer_kind(model):
    data = bytearray(file_of(model).read_bytes())
    data[4:8] = b"TFL4"
    put(model, "segmenter", bytes(data))


def newer_schema(model):
    data = bytearray(file_of(model).read_bytes())
    root = struct.unpack_from("<I", data)[0]
    table = root - struct.unpack_from("<i", data, root)[0]
    struct.pack_into("<I", data, root + struct.unpack_from("<H", data, table + 4)[0], 4)
    put(model, "segmenter", bytes(data))


def believed_but_hollow(model):
    data = file_of(model).read_bytes()
    put(model, "segmenter", data[:40] + bytes(len(data) - 40))


def of_other_channels(model):
    rewrite(model, lambda record: record.update(neighbors=1))


def swapped_in_the_record_too(model):
    data = {network: file_of(model, network).read_bytes() for network in LITERT}
    put(model, "classifier", data["segmenter"])
    put(model, "segmenter", data["classifier"])


HARM = {
    cut: "cut short",
    empty: "damaged, not a LiteRT file",
    noise: "damaged, not a LiteRT file",
    flipped_bit: "damaged, or of another model than layered.json",
    gone: "not readable",
    a_folder: "not readable",
    swapped: "another model than layered.json|cut short",
    of_other_networks: "another model than layered.json",
    unknown_to_the_record: "layered.json does not name this file",
    half_known: "layered.json does not name this file",
    nonsense_in_the_record: "layered.json does not name this file",
    newer_kind: "of a newer format",
    newer_schema: "of a newer format",
    believed_but_hollow: "can't run these as its networks",
    of_other_channels: "see other slices than layered.json says",
    swapped_in_the_record_too: "can't run these as its networks",
}


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_a_file_that_is_not_the_models_own_is_named_in_one_line_before_anything_is_written(
    model, demo_source, tmp_path, harm
):
    harm(model)
    with pytest.raises(UserError, match=HARM[harm]) as error:
        predicting.run((str(demo_source),), str(model), str(tmp_path / "out"), **NOTHING)
    assert "\n" not in str(error.value)
    assert str(model) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_digest_covers_the_files(whole, model):
    assert digest(model) == digest(whole)
    of_other_networks(model)
    assert digest(model) != digest(whole)


def test_a_model_of_an_earlier_version_is_run_by_tensorflow_and_a_line_says_why_that_is_slower(
    demo_source, tmp_path, capsys
):
    write_layered(tmp_path / "old", light=False)
    write_layered(tmp_path / "new")
    for age in ("old", "new"):
        model, out = str(tmp_path / age), str(tmp_path / f"out-{age}")
        assert predicting.run((str(demo_source),), model, out, **NOTHING) == 0
        assert ("of a version that wrote no LiteRT files" in capsys.readouterr().out) == (age == "old")
    one, other = ((tmp_path / f"out-{age}" / "predictions.csv").read_text() for age in ("old", "new"))
    assert one.count("\n") == other.count("\n") > 50
    masks = [[line.rpartition(",")[2] for line in text.splitlines()] for text in (one, other)]
    assert masks[0] == masks[1]
    assert any(masks[0][1:])


def test_an_engine_that_a_model_lacks_is_refused_in_one_line(whole, tmp_path):
    write_layered(tmp_path / "old", light=False)
    with pytest.raises(UserError, match=r"old: has no LiteRT files; assemble it again"):
        Predictor(tmp_path / "old", "litert")
    shutil.copytree(whole / SERVING / "assets.extra", tmp_path / "light" / "assets.extra")
    assert Predictor(tmp_path / "light").engine.name == "litert"
    with pytest.raises(UserError, match=r"light: has LiteRT files, but no SavedModel; leave --engine out"):
        Predictor(tmp_path / "light", "tensorflow")
