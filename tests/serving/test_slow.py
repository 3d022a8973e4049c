"""What clients hear when a body never ends, when the model fails, and when it is slower than SIGTERM allows."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from served import png, serving

PROGRAM = (sys.executable, "-m", "components.serving.server")
PIXELS = {"instances": [[[[1, 2, 3]]]]}

pytestmark = pytest.mark.nightly  # waits, and keeps a processor busy meanwhile


class Slow(tf.Module):
    """Takes three seconds an answer, and has no signature for pictures."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="slices")])
    def serve(self, slices):
        end = tf.timestamp() + 3
        (now,) = tf.while_loop(lambda now: now < end, lambda _: [tf.timestamp()], [tf.timestamp()])
        return {"tumor_probability": tf.zeros(tf.shape(slices)[:1]) + tf.cast(now * 0, tf.float32)}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "server.log"


@pytest.fixture(scope="module")
def server(log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    module = Slow()
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        with serving(folder, log, "--patience", "1", program=PROGRAM) as started:
            yield started


def test_a_body_that_does_not_arrive_is_not_waited_for(server):
    connection = server.begin(1000)
    with connection.getresponse() as response:
        assert response.status == 408
        assert "did not arrive" in json.load(response)["error"]
    connection.close()


def test_of_a_model_that_fails_the_log_says_where_and_not_on_what(server, log):
    instance = png(np.zeros((8, 8, 3), np.uint8))
    status, response = server.predict([instance])
    assert (status, response["error"]) == (500, "the model failed; the server's log says where")
    noted = log.read_text(encoding="utf-8")
    assert "KeyError" in noted
    assert "model.py" in noted
    assert instance["b64"] not in noted


def test_health_is_answered_while_the_model_runs(server):
    body = json.dumps(PIXELS).encode()
    connection = server.begin(len(body))
    connection.send(body)
    assert server.ask("GET", "/v2/health/live")[0] == 200
    assert select.select([connection.sock], [], [], 0)[0] == []  # no answer yet
    with connection.getresponse() as response:
        assert json.load(response) == {"predictions": [{"tumor_probability": 0.0}]}
    connection.close()


def test_after_sigterm_a_request_that_takes_too_long_is_refused(server):
    """The last test, for it ends the server of all others."""
    body = json.dumps(PIXELS).encode()
    connection = server.begin(len(body))
    connection.send(body)
    server.process.send_signal(signal.SIGTERM)
    with connection.getresponse() as response:
        assert response.status == 503
        assert "stopping" in json.load(response)["error"]
    connection.close()


def test_a_folder_without_a_model_is_reported_in_one_line(tmp_path):
    command = [*PROGRAM, "--model", str(tmp_path), "--port", "0"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 2
    assert f"glioflow: {tmp_path}: not a layered model" in result.stderr
    assert "Traceback" not in result.stderr
