"""The notice of a failed run, by the pod's own command, to HTTP servers that take it, are busy, or refuse."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from checking import evaluated
from conftest import ROOT
from in_process import glioflow

from components.common.faults import PASSING

# As Argo fills in workflow.failures: JSON, quoted once more.
FAILED = [
    {"displayName": "train-segmenter(3)", "message": "main: OOMKilled (exit code 137)", "phase": "Failed"},
    {"displayName": "workflow", "message": None, "phase": "Failed"},
]
SECRET = "/hooks/T0/secret"


@pytest.fixture
def chat(monkeypatch):
    """A server that keeps what is posted to it, and answers with `made.status`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            made.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.posted, made.status = [], 200
        threading.Thread(target=made.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{made.server_port}{SECRET}"
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def templates():
    spec = yaml.safe_load((ROOT / "infra" / "argo" / "workflow-template.yaml").read_text(encoding="utf-8"))["spec"]
    return {each["name"]: each for each in spec["templates"]} | {"": spec["onExit"]}


def told(templates, tmp_path, url, failures, status="Failed"):
    """Run what the pod's shell would, with the variables that the template gives it."""
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


def test_the_webhook_hears_which_pods_failed_and_how(chat, templates, tmp_path):
    result = told(templates, tmp_path, chat.url, json.dumps(json.dumps(FAILED)))
    assert (result.returncode, result.stderr) == (0, "")
    assert chat.posted == [
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
        (json.dumps(FAILED[:1]), ["train-segmenter(3): main: OOMKilled (exit code 137)"]),
        ("", []),
        ("null", []),
        ("Step exceeded its deadline", ["Step exceeded its deadline"]),
        (json.dumps(FAILED[:1] * 12), ["train-segmenter(3): main: OOMKilled (exit code 137)"] * 10 + ["and 2 more"]),
    ],
)
def test_it_tells_what_it_can_make_of_argos_list(chat, templates, tmp_path, failures, lines):
    assert told(templates, tmp_path, chat.url, failures, "Error").returncode == 0
    assert chat.posted[0][1]["text"].split("\n") == ["glioflow: glioflow-x1: Error", *lines]


@pytest.mark.parametrize(("status", "ends"), [(503, PASSING), (429, PASSING), (403, 2), (404, 2)])
def test_a_busy_webhook_is_tried_again_and_one_that_refuses_is_named_without_its_secret(
    chat, templates, tmp_path, status, ends
):
    chat.status = status
    result = told(templates, tmp_path, chat.url, "")
    (line,) = result.stderr.splitlines()
    assert (result.returncode, line.startswith("glioflow: webhook: 127.0.0.1 ")) == (ends, True)
    assert "secret" not in line.replace("the secret glioflow-webhook", "")


@pytest.mark.parametrize(("url", "ends"), [("http://127.0.0.1:9/x", PASSING), ("file:///etc/passwd", 2), ("x", 2)])
def test_no_webhook_at_that_address_ends_in_a_line(monkeypatch, templates, tmp_path, url, ends):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    result = told(templates, tmp_path, url, "")
    assert (result.returncode, len(result.stderr.splitlines())) == (ends, 1)


def test_without_a_webhook_nothing_is_told_and_nothing_fails(templates, tmp_path):
    result = told(templates, tmp_path, None, "")
    assert (result.returncode, result.stdout.split(":")[0]) == (0, "no webhook")


def test_only_runs_that_did_not_succeed_start_the_pod(templates):
    (task,) = templates[templates[""]]["dag"]["tasks"]
    assert task["template"] == "notify"
    ends = ("Succeeded", "Failed", "Error")
    cases = [(task["when"].replace("{{workflow.status}}", end), {}) for end in ends]
    assert evaluated(cases) == [False, True, True]
