"""What clients get when a body never arrives, when the model fails, and when it takes longer than SIGTERM allows."""

from __future__ import annotations

import json
import select
import shutil
import signal

import keras
import numpy as np
import pytest
from conftest import ROOT
from layered_models import SIZE, write_layered
from serve_client import png, serving

from components.common.layout import LAYERED, LITERT, SERVING
from components.layered.litert_files import ENTRY, described
from components.layered.writer import write_assets
from models.serving.litert_export import litert

pytestmark = pytest.mark.nightly  # keeps a processor busy

# The most slices that a request may have, each with its neighbours: seconds of work for the reference model.
MANY = {"instances": [[png(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8))] * 3] * 256}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return shutil.copytree(ROOT / "reference", tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serving(model, log, "--patience", "1", "--limit", "64") as started:
        yield started


def start_prediction(server):
    """Send a large prediction request; returns the connection, on which the answer is pending."""
    body = json.dumps(MANY).encode()
    connection = server.begin_prediction(len(body))
    connection.send(body)
    return connection


def test_a_body_that_never_arrives_times_out(server):
    connection = server.begin_prediction(1000)
    with connection.getresponse() as response:
        assert response.status == 408
        assert "did not arrive" in json.load(response)["error"]
    connection.close()


def test_health_is_answered_while_the_model_runs(server):
    connection = start_prediction(server)
    for path in ("live", "ready"):
        assert server.ask("GET", f"/v2/health/{path}")[0] == 200
    assert select.select([connection.sock], [], [], 0)[0] == []  # no answer yet
    with connection.getresponse() as response:
        assert len(json.load(response)["predictions"]) == 256
    connection.close()


def test_after_sigterm_a_request_that_takes_too_long_is_refused(server):
    """This has to be the last test with the shared server: it stops it."""
    connection = start_prediction(server)
    server.process.send_signal(signal.SIGTERM)
    with connection.getresponse() as response:
        assert response.status == 503
        assert "stopping" in json.load(response)["error"]
    connection.close()


def classifier_that_fails_on_bright_slices():
    """A LiteRT classifier that uses the brightest value as an index into a table of one entry: only 0 is valid."""
    slices = keras.Input((SIZE, SIZE, 3))
    brightest = keras.ops.cast(keras.ops.max(slices, axis=(1, 2, 3)), "int32")
    return litert(keras.Model(slices, keras.ops.take(np.array([0.5], np.float32), brightest)[:, None]))


def test_the_log_says_where_a_model_failed_but_not_on_what_input(tmp_path):
    record, folder = write_layered(tmp_path / "model"), tmp_path / "model" / SERVING
    files = {
        "classifier": classifier_that_fails_on_bright_slices(),
        "segmenter": (folder / LITERT["segmenter"]).read_bytes(),
    }
    shutil.rmtree((folder / LAYERED).parent)
    write_assets(folder, record | {ENTRY: described(files)}, files)
    dark, bright = (png(np.full((8, 8, 3), value, np.uint8)) for value in (0, 255))
    with serving(tmp_path / "model", tmp_path / "server.log") as server:
        assert server.predict([dark])[0] == 200
        status, response = server.predict([bright])
        assert (status, response["error"]) == (500, "the model failed; the server's log says where")
    log_text = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "ModelFailedError" in log_text
    assert "litert_engine.py" in log_text
    assert bright["b64"] not in log_text
