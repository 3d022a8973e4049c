"""Stage validate: TFX finds every anomaly of the examples in its split."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from importlib import import_module
from types import SimpleNamespace

import pytest
import tensorflow as tf

from components.common.errors import UserError
from models.examples import FEATURES, encode_example

pytestmark = pytest.mark.xdist_group("tfx")  # a single worker imports TFX, and not while it collects
ANOMALIES = {"has_tumor": 2, "mean_flair": 300.0, "std_pre": float("nan"), "slice": 0}


def write_anomalous_examples(tmp_path, data, **changes):
    """Copy the examples, with `changes` in every slice of the test split."""
    for source in sorted((data / "examples").rglob("*.gz")):
        target = tmp_path / source.relative_to(data / "examples")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(target), "GZIP") as writer:
            for record in tf.data.TFRecordDataset(str(source), compression_type="GZIP"):
                parsed = tf.io.parse_single_example(record, FEATURES)
                neighbors = parsed.pop("neighbors").values.numpy().tolist()
                values = {"neighbors": neighbors} | {name: value.numpy() for name, value in parsed.items()}
                if target.parent.name == "Split-test":
                    values.update(changes)
                writer.write(encode_example(values))
    return tmp_path


@pytest.fixture(scope="module")
def stage():
    return import_module("components.validate.stage")


@pytest.fixture(scope="module")
def validated(tmp_path_factory, data, stage):
    """What TFX made of examples whose test split holds all of `ANOMALIES`: splits, anomalies, leftover files."""
    from pipelines import local, training

    folder, temporary = tmp_path_factory.mktemp("validated"), tmp_path_factory.mktemp("temporary")
    node = training.import_examples(str(write_anomalous_examples(folder / "examples", data, **ANOMALIES)))
    nodes = training.data_validation(node.outputs["result"], stage.SCHEMA)
    flags = ["--runner=FnApiRunner", "--direct_num_workers=1"]
    with pytest.MonkeyPatch.context() as patch, ExitStack() as opened:
        patch.setattr("tempfile.tempdir", str(temporary))
        outputs = opened.enter_context(local.run("validate", [node, *nodes], flags))
        shutil.copytree(outputs.path("ExampleValidator", "anomalies"), folder / "anomalies")
        splits = sorted(path.name for path in outputs.path("StatisticsGen", "statistics").iterdir())
    return SimpleNamespace(splits=splits, anomalies=folder / "anomalies", leftovers=list(temporary.iterdir()))


def test_every_anomaly_is_found_in_its_split_and_no_other(validated, stage):
    assert validated.splits == ["Split-test", "Split-train", "Split-val"]
    found = [(split_name, feature) for split_name, feature, _ in stage.read_anomalies(validated.anomalies)]
    assert found == [("test", feature) for feature in sorted(ANOMALIES)]


def test_tfx_leaves_nothing_in_the_temporary_folder(validated):
    assert validated.leftovers == []


def test_an_anomaly_fails_and_names_its_split_and_feature(validated, stage):
    with pytest.raises(UserError, match=r"data/examples: test: has_tumor: .* \(and 3 more\); correct") as error:
        stage.check(validated.anomalies)
    assert "\n" not in str(error.value)


def test_sound_examples_pass(validated, stage, tmp_path):
    for split_name in ("train", "val"):
        shutil.copytree(validated.anomalies / f"Split-{split_name}", tmp_path / f"Split-{split_name}")
        assert (tmp_path / f"Split-{split_name}" / "SchemaDiff.pb").exists()
    stage.check(tmp_path)
