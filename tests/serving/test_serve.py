"""`glioflow serve` over HTTP, on a real server."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
import signal
import struct
import subprocess
import zlib

import numpy as np
import psutil
import pytest
import yaml
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layered_models import write_layered
from PIL import Image
from serve_client import COMMAND, JSON, LIMIT_MB, PREDICT, png, serving


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "layered"
    write_layered(folder)
    return folder


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    with serving(model, tmp_path_factory.mktemp("log") / "server.log", "--limit", str(LIMIT_MB)) as started:
        yield started


@pytest.fixture(scope="module")
def slices():
    """Two slices, the second with a spot that is bright in FLAIR."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(60, 80, (2, 40, 48, 3), dtype=np.uint8)
    pixels[1, 10:24, 12:30, 1] = 200
    return pixels


def test_pixels_and_encoded_images_get_the_models_own_prediction(server, model, slices):
    from components.layered.predictor import Predictor

    expected = Predictor(model).serve(slices)
    assert expected["has_tumor"].tolist() == [False, True]
    status, response = server.predict(slices.tolist())
    assert status == 200
    encoded = server.predict([png(one) for one in slices])[1]["predictions"]
    named = server.predict([{"slices": png(one)} for one in slices], signature_name="encoded")[1]["predictions"]
    assert encoded == named
    for number, row in enumerate(response["predictions"]):
        assert row["tumor_probability"] == pytest.approx(float(expected["tumor_probability"][number]), abs=1e-5)
        np.testing.assert_array_equal(row["mask"], expected["mask"][number])
        picture = Image.open(io.BytesIO(base64.b64decode(encoded[number]["mask_bytes"]["b64"])))
        np.testing.assert_array_equal(np.asarray(picture) > 0, expected["mask"][number] > 0)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/", {"status": "alive"}),
        ("/v1/models", {"models": ["layered"]}),
        ("/v1/models/layered", {"name": "layered", "ready": True}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
    ],
)
def test_status_paths_answer_get_and_head(server, path, content):
    status, body = server.ask("GET", path)
    assert (status, json.loads(body)) == (200, content)
    assert server.ask("HEAD", path) == (200, b"")


def prediction_count(server):
    status, body = server.ask("GET", "/metrics")
    assert status == 200
    (count,) = re.findall(r'^request_predict_seconds_count{model_name="layered"} (\S+)$', body.decode(), re.MULTILINE)
    return float(count)


def test_predictions_are_counted(server, slices):
    before = prediction_count(server)
    server.predict(slices.tolist())
    assert prediction_count(server) == before + 1


def probe_paths():
    """The paths that Kubernetes and Docker probe."""
    manifest = yaml.safe_load((ROOT / "infra" / "kserve" / "serving-runtime.yaml").read_text(encoding="utf-8"))
    (container,) = manifest["spec"]["containers"]
    image = (ROOT / "infra" / "docker" / "predict.Dockerfile").read_text(encoding="utf-8")
    found = [container[name]["httpGet"]["path"] for name in ("readinessProbe", "livenessProbe")]
    return [*found, *re.findall(r"http://127\.0\.0\.1:8080(/\S+?)'", image)]


def test_probes_are_answered(server):
    assert [server.ask("GET", path)[0] for path in probe_paths()] == [200, 200, 200]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/v2/repository/models/layered/unload", "", JSON, 404),
        ("POST", "/v1/models/other:predict", "{}", JSON, 404),
        ("GET", "/v1/models/other", None, JSON, 404),
        ("GET", "/v1/models/", None, JSON, 404),
        ("POST", "/v2/models/other/infer", "{}", JSON, 404),
        ("GET", "/openapi.json", None, JSON, 404),
        ("GET", PREDICT, None, JSON, 405),
        ("DELETE", "/v1/models/layered", None, JSON, 405),
        ("POST", "/metrics", "{}", JSON, 405),
        ("POST", PREDICT, "{}", {"Content-Type": "text/plain"}, 415),
        ("POST", PREDICT, gzip.compress(b"{}", mtime=0), {**JSON, "Content-Encoding": "gzip"}, 415),
        ("POST", PREDICT, " " * (LIMIT_MB * 2**20 + 1), JSON, 413),
        ("POST", PREDICT, (b" " * 2**16 for _ in range(17)), JSON, 413),
        ("POST", PREDICT, " " * 7 * LIMIT_MB * 2**20, {**JSON, "Connection": "close"}, 413),
        ("POST", PREDICT, (b" " * 2**16 for _ in range(112)), {**JSON, "Connection": "close"}, 413),
        ("POST", "/nowhere", " " * 7 * LIMIT_MB * 2**20, {**JSON, "Connection": "close"}, 404),
        ("POST", PREDICT, "[" * 100_000, JSON, 400),
        ("POST", PREDICT, "", JSON, 400),
        ("POST", PREDICT, '{"instances": [[[[NaN, 0, 0]]]]}', JSON, 400),
        ("POST", PREDICT, '{"instances": [[[[1e999, 0, 0]]]]}', JSON, 400),
        ("POST", PREDICT, '{"instances": [[[[' + "9" * 5000 + ", 0, 0]]]]}", JSON, 400),
        ("POST", PREDICT, '{"instances": [[["' + "x" * 500_000 + '", "a"]]]}', JSON, 400),
        ("POST", PREDICT, "{}", {**JSON, "ce-id": "1", "ce-type": "x", "ce-source": "y", "ce-specversion": "9"}, 400),
    ],
    ids=lambda value: str(value)[:20],  # some bodies are megabytes
)
def test_unsupported_requests_are_refused_with_a_reason(server, method, path, body, headers, status):
    found, response = server.ask(method, path, body, headers)
    assert found == status
    assert is_one_line_error(response)


def is_one_line_error(response):
    """Whether this is JSON with a one-line error message."""
    content = json.loads(response)
    return set(content) == {"error"} and "\n" not in content["error"] and "Traceback" not in content["error"]


def test_a_body_declared_too_large_is_refused_before_it_is_sent(server):
    connection = server.connect()
    connection.putrequest("POST", PREDICT)
    for name, value in {**JSON, "Content-Length": LIMIT_MB * 2**20 + 1, "Expect": "100-continue"}.items():
        connection.putheader(name, str(value))
    connection.endheaders()
    with connection.getresponse() as response:
        assert response.status == 413
    connection.close()


def truncated(picture):
    """The same picture without the last third of its bytes."""
    data = base64.b64decode(picture["b64"])
    return {"b64": base64.b64encode(data[: len(data) * 2 // 3]).decode()}


def png_file(side, bits, lines):
    """An RGB PNG, with valid checksums, whose header claims a size and a depth."""
    header = struct.pack(">IIBBBBB", side, side, bits, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
             for kind, body in chunks]  # fmt: skip
    return {"b64": base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()}


PNG_OF_16_BITS = png_file(8, 16, (b"\0" + b"\x64\x32" * 3 * 8) * 8)  # each line begins with the number of its filter
PNG_BOMBS = [png_file(side, 8, b"") for side in (2049, 10_000, 30_000)]  # Pillow accepts, warns of and refuses them


def animation():
    """An animated PNG of two frames."""
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return {"b64": base64.b64encode(file.getvalue()).decode()}


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ([], "0 instances"),
        ([[[[0, 0, 0]]]] * 257, "257 instances"),
        ([[[[0, 0, 256]]]], "0 to 255"),
        ([[[[0, 0, 0.5]]]], "0 to 255"),
        ([[[[0, 0, True]]]], "0 to 255"),
        ([[[["0", 0, 0]]]], "0 to 255"),
        ([[[[0, 0]]]], "3 channels"),
        ([[[[0, 0, 0]]], [[[0, 0, 0], [0, 0, 0]]]], "one size"),
        ([{"b64": "?"}], "not base64"),
        ([{"b64": base64.b64encode(b"GIF89a").decode()}], "neither PNG nor JPEG"),
        ([png(np.zeros((4, 4), np.uint8))], "mode L"),
        ([truncated(png(np.zeros((64, 64, 3), np.uint8)))], "can't read"),
        ([png(np.zeros((4, 4, 3), np.uint8)), png(np.zeros((4, 5, 3), np.uint8))], "one size"),
        ([png(np.zeros((4, 4, 3), np.uint8)), [[[0, 0, 0]]]], "mixed"),
        ([PNG_BOMBS[0]], "2049 x 2049 pixels; 2048 a side"),
        ([PNG_BOMBS[1]], "10000 x 10000 pixels; 2048 a side"),
        ([PNG_BOMBS[2]], "claims more pixels than any slice has"),
        ([PNG_OF_16_BITS], "more than 8 bits a colour"),
        ([animation()], "2 pages"),
    ],
)
def test_invalid_slices_are_refused_with_a_reason(server, instances, reason):
    status, response = server.predict(instances)
    assert status == 400
    assert reason in response["error"]


leaves = st.none() | st.booleans() | st.integers(-300, 300) | st.floats() | st.text(max_size=20)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
MALFORMED = {
    "bytes": st.binary(max_size=200),
    "JSON": trees.map(lambda tree: json.dumps(tree).encode()),
    "instances": trees.map(lambda tree: json.dumps({"instances": tree}).encode()),
    "rows": st.lists(trees, min_size=1, max_size=3).map(lambda rows: json.dumps({"instances": rows}).encode()),
    "pictures": st.binary(max_size=60).map(
        lambda data: json.dumps({"instances": [{"b64": base64.b64encode(data).decode()}]}).encode()
    ),
}


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_requests_get_4xx(server, kind, count):
    @settings(
        max_examples=count // len(MALFORMED),
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],  # a busy machine is not a failure
    )
    @given(body=MALFORMED[kind])
    def ask(body):
        status, response = server.ask("POST", PREDICT, body)
        assert 400 <= status < 500, response
        assert is_one_line_error(response)

    ask()


def test_a_full_queue_refuses_predictions_but_answers_probes(server, slices):
    waiting = [server.begin_prediction(2) for _ in range(64)]
    status, response = server.predict(slices.tolist())
    assert (status, "waiting" in response["error"]) == (503, True)
    assert [server.ask("GET", path)[0] for path in probe_paths()] == [200, 200, 200]
    for connection in waiting:
        connection.send(b"{}")
        assert connection.getresponse().status == 400
        connection.close()
    assert server.predict(slices.tolist())[0] == 200


def test_a_client_that_disconnects_causes_no_error(server):
    server.begin_prediction(1000).close()  # the fixture checks the log
    assert server.ask("GET", "/v2/health/live")[0] == 200


def test_the_server_still_predicts(server, slices):
    assert server.predict(slices.tolist())[0] == 200


def test_the_server_listens_on_loopback_only(server):
    addresses = [
        c.laddr for c in psutil.Process(server.process.pid).net_connections() if c.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in addresses} == {"127.0.0.1"}


def test_a_port_in_use_is_reported_in_one_line(server, model):
    result = subprocess.run(
        [COMMAND, "serve", "--model", str(model), "--port", str(server.port)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert f"127.0.0.1:{server.port}: can't listen there" in result.stderr


def test_a_folder_without_a_model_is_refused(tmp_path):
    result = subprocess.run(
        [COMMAND, "serve", "--model", str(tmp_path)], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert result.returncode == 2
    assert "no layered model there" in result.stderr


def test_after_sigterm_a_request_under_way_is_finished(server, slices):
    """This test has to be the last: it stops the server that all tests share."""
    body = json.dumps({"instances": [png(slices[1])] * 64}).encode()
    connection = server.begin_prediction(len(body))
    connection.send(body[:1000])
    server.process.send_signal(signal.SIGTERM)
    connection.send(body[1000:])
    with connection.getresponse() as response:
        assert response.status == 200
        assert len(json.load(response)["predictions"]) == 64
    connection.close()
    while server.process.poll() is None:  # like an impatient supervisor; the fixture checks exit status and log
        server.process.send_signal(signal.SIGTERM)
