"""The request for a recurring run, received by a fake server: the API of Kubeflow Pipelines itself needs a cluster."""

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
    """A server that records what it is asked to create and answers as if it had created it."""
    created = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, {})

        def do_POST(self):
            kind = self.path.split("?")[0].rpartition("/")[2]
            created[kind] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, created[kind] | {"experiment_id": "e1", "recurring_run_id": "r1"})

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", created
        server.shutdown()


def run_recur(*arguments):
    file = ROOT / "infra" / "kubeflow" / "pipeline.yaml"
    return CliRunner().invoke(cli.cli, ["recur", *arguments, "--pipeline", str(file)])


def test_a_recurring_run_never_overlaps_and_carries_the_pipeline(api, monkeypatch):
    url, created = api
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = run_recur(url, "--cron", "0 30 1 * * *", "--account", "glioflow-runner")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "recurring run r1"
    request = created["recurringruns"]
    assert request["trigger"]["cron_schedule"]["cron"] == "0 30 1 * * *"
    assert (request["max_concurrency"], request["no_catchup"], request["mode"]) == (1, True, "ENABLE")
    assert request["service_account"] == "glioflow-runner"
    spec = request["pipeline_spec"].get("pipeline_spec", request["pipeline_spec"])
    assert "TrainSegmenter" in spec["root"]["dag"]["tasks"]


def test_an_address_without_kubeflow_is_reported_in_one_line(api, monkeypatch):
    url, _ = api
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = run_recur(f"{url.rpartition(':')[0]}:9")
    assert isinstance(result.exception, UserError)
    assert "no Kubeflow Pipelines" in str(result.exception)
    assert "\n" not in str(result.exception)
