"""The call for a recurring run, as it reaches an HTTP server: the API of Kubeflow Pipelines itself needs a cluster."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from conftest import ROOT

from components.common.errors import UserError
from pipelines import cli

pytestmark = pytest.mark.filterwarnings("ignore:This client only works with Kubeflow:FutureWarning")


@pytest.fixture
def api():
    """A server that keeps what it is asked to make and answers as if it had."""
    made = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, {})

        def do_POST(self):
            kind = self.path.split("?")[0].rpartition("/")[2]
            made[kind] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, made[kind] | {"experiment_id": "e1", "recurring_run_id": "r1"})

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", made
        server.shutdown()


def recur(*arguments):
    file = ROOT / "infra" / "kubeflow" / "pipeline.yaml"
    return CliRunner().invoke(cli.cli, ["recur", *arguments, "--pipeline", str(file)])


def test_a_recurring_run_is_one_at_a_time_and_carries_the_pipeline(api, monkeypatch):
    url, made = api
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = recur(url, "--cron", "0 30 1 * * *", "--account", "glioflow-runner")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "recurring run r1"
    asked = made["recurringruns"]
    assert asked["trigger"]["cron_schedule"]["cron"] == "0 30 1 * * *"
    assert (asked["max_concurrency"], asked["no_catchup"], asked["mode"]) == (1, True, "ENABLE")
    assert asked["service_account"] == "glioflow-runner"
    spec = asked["pipeline_spec"].get("pipeline_spec", asked["pipeline_spec"])
    assert "TrainSegmenter" in spec["root"]["dag"]["tasks"]


def test_an_address_without_kubeflow_is_told_in_a_line(api, monkeypatch):
    url, _ = api
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = recur(f"{url.rpartition(':')[0]}:9")
    assert isinstance(result.exception, UserError)
    assert "no Kubeflow Pipelines" in str(result.exception)
    assert "\n" not in str(result.exception)
