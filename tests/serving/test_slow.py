"""What clients hear when a body never ends, when the model fails, and when it is slower than SIGTERM allows."""

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
from served import png, serving

from components.common.layout import LAYERED, LITERT, SERVING
from components.layered.litert_files import ENTRY, described
from components.layered.writer import write_assets
from models.serving.litert_export import litert

pytestmark = pytest.mark.nightly  # keeps a processor busy

# As many slices as a request may have, each with its neighbours: seconds of work for the reference model.
MANY = {"instances": [[png(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8))] * 3] * 256}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return shutil.copytree(ROOT / "reference", tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serving(model, log, "--patience", "1", "--limit", "64") as started:
        yield started


def begun(server):
    """A connection on which the server works."""
    body = json.dumps(MANY).encode()
    connection = server.begin(len(body))
    connection.send(body)
    return connection


def test_a_body_that_does_not_arrive_is_not_waited_for(server):
    connection = server.begin(1000)
    with connection.getresponse() as response:
        assert response.status == 408
        assert "did not arrive" in json.load(response)["error"]
    connection.close()


def test_health_is_answered_while_the_model_runs(server):
    connection = begun(server)
    for path in ("live", "ready"):
        assert server.ask("GET", f"/v2/health/{path}")[0] == 200
    assert select.select([connection.sock], [], [], 0)[0] == []  # no answer yet
    with connection.getresponse() as response:
        assert len(json.load(response)["predictions"]) == 256
    connection.close()


def test_after_sigterm_a_request_that_takes_too_long_is_refused(server):
    """The last test with this server, for it ends it."""
    connection = begun(server)
    server.process.send_signal(signal.SIGTERM)
    with connection.getresponse() as response:
        assert response.status == 503
        assert "stopping" in json.load(response)["error"]
    connection.close()


def fails_on_bright():
    """A classifier as a LiteRT file that looks a brighter slice than 0 up in a table of one entry."""
    slices = keras.Input((SIZE, SIZE, 3))
    brightest = keras.ops.cast(keras.ops.max(slices, axis=(1, 2, 3)), "int32")
    return litert(keras.Model(slices, keras.ops.take(np.array([0.5], np.float32), brightest)[:, None]))


def test_of_a_model_that_fails_the_log_says_where_and_not_on_what(tmp_path):
    record, place = write_layered(tmp_path / "model"), tmp_path / "model" / SERVING
    files = {"classifier": fails_on_bright(), "segmenter": (place / LITERT["segmenter"]).read_bytes()}
    shutil.rmtree((place / LAYERED).parent)
    write_assets(place, record | {ENTRY: described(files)}, files)
    dark, bright = (png(np.full((8, 8, 3), value, np.uint8)) for value in (0, 255))
    with serving(tmp_path / "model", tmp_path / "server.log") as server:
        assert server.predict([dark])[0] == 200
        status, response = server.predict([bright])
        assert (status, response["error"]) == (500, "the model failed; the server's log says where")
    noted = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "ModelFailedError" in noted
    assert "litert_engine.py" in noted
    assert bright["b64"] not in noted
