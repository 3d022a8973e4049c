"""Serving equals training: from the same files, both compute the same numbers, through all the code in between."""

from __future__ import annotations

import numpy as np
import pytest
from layered_models import write_trained

from components.assemble.stage import assemble
from components.common.layout import ENGINES
from components.common.tables import SPLIT_NAMES
from components.predict.detector import Detector
from components.sources import open_source
from components.sources.reading import Options
from models import examples
from models.networks import preprocessing
from models.networks.network_files import load_network

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def layered(tmp_path_factory, data):
    """Networks with known weights, and the layered model that assemble made of them."""
    folder = tmp_path_factory.mktemp("golden")
    write_trained(folder, people=[])
    assemble(
        folder / "classifier",
        folder / "segmenter",
        data / "scans",
        data / "splits.csv",
        folder / "layered",
        sensitivity=0.95,
        refer=0.2,
        slices=Options(),
    )
    return folder


def training_slices(data):
    """Slices as the training reads them, from the TFRecords of all splits: (patient, number) and pixels."""
    files = [str(file) for split in SPLIT_NAMES for file in (data / "examples" / f"Split-{split}").glob("*.gz")]
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        fields = tf.train.Example.FromString(record.numpy()).features.feature
        name = fields["patient"].bytes_list.value[0].decode(), fields["slice"].int64_list.value[0]
        yield name, examples.parse_images(record[None], 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_serving_from_files_gives_what_the_training_records_give(data, demo_source, layered, engine):
    detector = Detector(layered / "layered", engine=engine)
    assert detector.predictor.engine.name == engine
    classifier, segmenter = (load_network(layered / name) for name in ("classifier", "segmenter"))
    served = {}
    with open_source(str(demo_source)) as source:
        for patient in source.patients:
            scan = source.read(patient, Options(), masks=False).scan
            found = detector.predictor.stages(scan.image)
            for number in range(len(scan.image)):
                served[patient, number + 1] = (
                    scan.image[number], found["tumor_probability"][number], found["mask_probability"][number],
                )  # fmt: skip
    names, pixels = zip(*training_slices(data), strict=True)
    pixels, record = np.concatenate(pixels), detector.record
    images, probabilities, mask_probabilities = (np.stack(part) for part in zip(*map(served.pop, names), strict=True))
    assert served == {}
    assert len(names) > 50
    np.testing.assert_array_equal(pixels, images)
    grids = [preprocessing.to_grid(pixels, n.input_shape[1]) for n in (classifier, segmenter)]
    logits = [np.asarray(n(grid, training=False)) for n, grid in zip((classifier, segmenter), grids, strict=True)]
    expected = calibrated(logits[0][:, 0], record["tumor_temperature"])
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    on_grid = preprocessing.from_grid(calibrated(logits[1], record["mask_temperature"]), *images.shape[1:3])
    np.testing.assert_allclose(mask_probabilities, np.asarray(on_grid)[..., 0], atol=1e-5)


def calibrated(probability, temperature):
    """A probability after temperature scaling, by its definition: the logit divided by the temperature."""
    p = np.clip(np.asarray(probability, np.float64), 1e-7, 1 - 1e-7)
    return (1 / (1 + np.exp(-np.log(p / (1 - p)) / temperature))).astype(np.float32)
