"""The pod's own command sends the notice of a failed run to HTTP servers that accept it, are busy, or refuse it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from conftest import ROOT
from in_process import glioflow
from validators import evaluate_cel

from components.common.faults import EX_TEMPFAIL

# What Argo puts into workflow.failures, as JSON inside a JSON string.
FAILURES = [
    {"displayName": "train-segmenter(3)", "message": "main: OOMKilled (exit code 137)", "phase": "Failed"},
    {"displayName": "workflow", "message": None, "phase": "Failed"},
]
SECRET = "/hooks/T0/secret"


@pytest.fixture
def webhook(monkeypatch):
    """A server that records what is posted to it and answers with its `status`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            http_server.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(http_server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        http_server.posted, http_server.status = [], 200
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        http_server.url = f"http://127.0.0.1:{http_server.server_port}{SECRET}"
        yield http_server
        http_server.shutdown()


@pytest.fixture(scope="module")
def templates():
    spec = yaml.safe_load((ROOT / "infra" / "argo" / "workflow-template.yaml").read_text(encoding="utf-8"))["spec"]
    return {each["name"]: each for each in spec["templates"]} | {"": spec["onExit"]}


def run_notify(templates, tmp_path, url, failures, status="Failed"):
    """Run the pod's command with the variables that the template gives it."""
    container = templates["notify"]["container"]
    values = {"workflow.name": "glioflow-x1", "workflow.status": status, "workflow.failures": failures}
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    for name, value in values.items():
        variables = {key: text.replace("{{" + name + "}}", value) for key, text in variables.items()}
    (secret,) = (each for each in container["env"] if "valueFrom" in each)
    assert secret["valueFrom"]["secretKeyRef"] == {"name": "glioflow-webhook", "key": "url", "optional": True}
    if url:
        variables[secret["name"]] = url
    start, *words = container["args"][0].split()
    assert (start, words) == ("exec", ["glioflow", "notify"])
    return glioflow(*words[1:], cwd=tmp_path, **{key: value for key, value in variables.items() if key.isupper()})


def test_the_webhook_gets_the_failed_pods_and_their_messages(webhook, templates, tmp_path):
    result = run_notify(templates, tmp_path, webhook.url, json.dumps(json.dumps(FAILURES)))
    assert (result.returncode, result.stderr) == (0, "")
    assert webhook.posted == [
        (
            SECRET,
            {
                "text": "glioflow: glioflow-x1: Failed\n"
                "train-segmenter(3): main: OOMKilled (exit code 137)\nworkflow: Failed"
            },
        )
    ]


@pytest.mark.parametrize(
    ("failures", "lines"),
    [
        (json.dumps(FAILURES[:1]), ["train-segmenter(3): main: OOMKilled (exit code 137)"]),
        ("", []),
        ("null", []),
        ("Step exceeded its deadline", ["Step exceeded its deadline"]),
        (json.dumps(FAILURES[:1] * 12), ["train-segmenter(3): main: OOMKilled (exit code 137)"] * 10 + ["and 2 more"]),
    ],
)
def test_the_notice_handles_every_form_of_argos_failure_list(webhook, templates, tmp_path, failures, lines):
    assert run_notify(templates, tmp_path, webhook.url, failures, "Error").returncode == 0
    assert webhook.posted[0][1]["text"].split("\n") == ["glioflow: glioflow-x1: Error", *lines]


@pytest.mark.parametrize(("status", "outcome"), [(503, EX_TEMPFAIL), (429, EX_TEMPFAIL), (403, 2), (404, 2)])
def test_a_busy_or_refusing_webhook_is_reported_without_its_secret(webhook, templates, tmp_path, status, outcome):
    webhook.status = status
    result = run_notify(templates, tmp_path, webhook.url, "")
    (line,) = result.stderr.splitlines()
    assert (result.returncode, line.startswith("glioflow: webhook: 127.0.0.1 ")) == (outcome, True)
    assert "secret" not in line.replace("the secret glioflow-webhook", "")


@pytest.mark.parametrize(
    ("url", "outcome"), [("http://127.0.0.1:9/x", EX_TEMPFAIL), ("file:///etc/passwd", 2), ("x", 2)]
)
def test_a_wrong_webhook_address_is_reported_in_one_line(monkeypatch, templates, tmp_path, url, outcome):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = run_notify(templates, tmp_path, url, "")
    assert (result.returncode, len(result.stderr.splitlines())) == (outcome, 1)


def test_without_a_webhook_nothing_is_sent_and_nothing_fails(templates, tmp_path):
    result = run_notify(templates, tmp_path, None, "")
    assert (result.returncode, result.stdout.split(":")[0]) == (0, "no webhook")


def test_only_unsuccessful_runs_start_the_notice_pod(templates):
    (task,) = templates[templates[""]]["dag"]["tasks"]
    assert task["template"] == "notify"
    outcome = ("Succeeded", "Failed", "Error")
    cases = [(task["when"].replace("{{workflow.status}}", end), {}) for end in outcome]
    assert evaluate_cel(cases) == [False, True, True]
