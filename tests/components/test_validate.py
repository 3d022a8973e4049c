from __future__ import annotations

import pytest
import tensorflow as tf

from components import validate
from components.errors import UserError
from models.examples import FEATURES, encode_example
from pipelines import local, training


def run_validation(examples):
    node = training.import_examples(str(examples))
    nodes = training.data_validation(node.outputs["result"], validate.SCHEMA)
    with local.run("validate", [node, *nodes], ["--runner=FnApiRunner", "--direct_num_workers=1"]) as outputs:
        validate.check(outputs.path("ExampleValidator", "anomalies"))
        return sorted(path.name for path in outputs.path("StatisticsGen", "statistics").iterdir())


def test_sound_examples_pass(data):
    assert run_validation(data / "examples") == ["Split-test", "Split-train", "Split-val"]


def spoilt(tmp_path, data, **changes):
    """The examples once more, every slice of the test side with `changes`."""
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


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"has_tumor": 2}, "has_tumor"),
        ({"mean_flair": 300.0}, "mean_flair"),
        ({"std_pre": float("nan")}, "std_pre"),
        ({"slice": 0}, "slice"),
    ],
)
def test_an_anomaly_fails_and_names_side_and_feature(tmp_path, data, changes, feature):
    with pytest.raises(UserError, match=f"data/examples: test: {feature}: ") as error:
        run_validation(spoilt(tmp_path, data, **changes))
    assert "\n" not in str(error.value)
