"""LiteRT files that are damaged, of another model or of a newer format: one line of error, and no output."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
from layered_models import litert_files_with, write_layered

from components.common.errors import UserError
from components.common.layout import LAYERED, LITERT, SERVING
from components.layered.litert_files import ENTRY, described
from components.layered.predictor import Predictor
from components.layered.record import digest
from pipelines import predicting

NO_OPTIONS = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}
VALUES = {"cut": 30.0, "spot": 30.0, "gain": 0.3}


@pytest.fixture(scope="module")
def intact_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "layered"
    write_layered(folder)
    return folder


@pytest.fixture
def model(intact_model, tmp_path):
    return shutil.copytree(intact_model, tmp_path / "model")


def litert_file(model, network="segmenter"):
    return model / SERVING / LITERT[network]


def change_record(model, change):
    """Change the record in layered.json."""
    path = model / SERVING / LAYERED
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def replace_file(model, network, data):
    """Replace a file and its entry in the record, so that its hash is correct."""
    litert_file(model, network).write_bytes(data)
    change_record(model, lambda record: record[ENTRY].update(described({network: data})))


def cut(model):
    litert_file(model).write_bytes(litert_file(model).read_bytes()[:-100])


def empty(model):
    litert_file(model).write_bytes(b"")


def noise(model):
    litert_file(model).write_bytes(np.random.default_rng(0).bytes(3000))


def flipped_bit(model):
    data = bytearray(litert_file(model).read_bytes())
    data[len(data) // 2] ^= 1
    litert_file(model).write_bytes(data)


def deleted(model):
    litert_file(model).unlink()


def replaced_by_a_folder(model):
    deleted(model)
    litert_file(model).mkdir()


def swapped(model):
    one, other = (litert_file(model, network) for network in LITERT)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def from_other_networks(model):
    litert_file(model).write_bytes(litert_files_with(VALUES)["segmenter"])


def missing_from_the_record(model):
    change_record(model, lambda record: record.pop(ENTRY))


def partly_recorded(model):
    change_record(model, lambda record: record[ENTRY].pop("segmenter"))


def invalid_record(model):
    change_record(model, lambda record: record.update({ENTRY: ["segmenter"]}))


def newer_identifier(model):
    data = bytearray(litert_file(model).read_bytes())
    data[4:8] = b"TFL4"
    replace_file(model, "segmenter", bytes(data))


def newer_schema(model):
    data = bytearray(litert_file(model).read_bytes())
    root = struct.unpack_from("<I", data)[0]
    table = root - struct.unpack_from("<i", data, root)[0]
    struct.pack_into("<I", data, root + struct.unpack_from("<H", data, table + 4)[0], 4)
    replace_file(model, "segmenter", bytes(data))


def recorded_but_hollow(model):
    data = litert_file(model).read_bytes()
    replace_file(model, "segmenter", data[:40] + bytes(len(data) - 40))


def other_number_of_channels(model):
    change_record(model, lambda record: record.update(neighbors=1))


def swapped_with_the_record(model):
    data = {network: litert_file(model, network).read_bytes() for network in LITERT}
    replace_file(model, "classifier", data["segmenter"])
    replace_file(model, "segmenter", data["classifier"])


DAMAGE = {
    cut: "cut short",
    empty: "damaged, not a LiteRT file",
    noise: "damaged, not a LiteRT file",
    flipped_bit: "damaged, or of another model than layered.json",
    deleted: "not readable",
    replaced_by_a_folder: "not readable",
    swapped: "another model than layered.json|cut short",
    from_other_networks: "another model than layered.json",
    missing_from_the_record: "layered.json does not name this file",
    partly_recorded: "layered.json does not name this file",
    invalid_record: "layered.json does not name this file",
    newer_identifier: "of a newer format",
    newer_schema: "of a newer format",
    recorded_but_hollow: "can't run these as its networks",
    other_number_of_channels: "see other slices than layered.json says",
    swapped_with_the_record: "can't run these as its networks",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_an_unusable_file_is_reported_in_one_line_before_any_output(model, demo_source, tmp_path, damage):
    damage(model)
    with pytest.raises(UserError, match=DAMAGE[damage]) as error:
        predicting.run((str(demo_source),), str(model), str(tmp_path / "out"), **NO_OPTIONS)
    assert "\n" not in str(error.value)
    assert str(model) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_digest_covers_the_litert_files(intact_model, model):
    assert digest(model) == digest(intact_model)
    from_other_networks(model)
    assert digest(model) != digest(intact_model)


def test_a_model_without_litert_files_runs_on_tensorflow_with_a_notice(demo_source, tmp_path, capsys):
    write_layered(tmp_path / "old", with_litert=False)
    write_layered(tmp_path / "new")
    for version in ("old", "new"):
        model, out = str(tmp_path / version), str(tmp_path / f"out-{version}")
        assert predicting.run((str(demo_source),), model, out, **NO_OPTIONS) == 0
        assert ("of a version that wrote no LiteRT files" in capsys.readouterr().out) == (version == "old")
    one, other = ((tmp_path / f"out-{version}" / "predictions.csv").read_text() for version in ("old", "new"))
    assert one.count("\n") == other.count("\n") > 50
    masks = [[line.rpartition(",")[2] for line in text.splitlines()] for text in (one, other)]
    assert masks[0] == masks[1]
    assert any(masks[0][1:])


def test_an_engine_that_a_model_lacks_is_refused_in_one_line(intact_model, tmp_path):
    write_layered(tmp_path / "old", with_litert=False)
    with pytest.raises(UserError, match=r"old: has no LiteRT files; assemble it again"):
        Predictor(tmp_path / "old", "litert")
    shutil.copytree(intact_model / SERVING / "assets.extra", tmp_path / "light" / "assets.extra")
    assert Predictor(tmp_path / "light").engine.name == "litert"
    with pytest.raises(UserError, match=r"light: has LiteRT files, but no SavedModel; leave --engine out"):
        Predictor(tmp_path / "light", "tensorflow")
