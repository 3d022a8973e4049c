"""Only the page itself, with its token, gets in; any other request is refused, and none makes the server fail."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from review_client import PORT, SECRET, reviewing

from components.review import patient_layers

HOST = f"127.0.0.1:{PORT}"
OCTETS = {"content-type": "application/octet-stream"}
PATHS = ("/", "/page/main.js", "/patients", "/patients/0", "/patients/0/layers/flair", "/nothing")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with reviewing(tmp_path_factory.mktemp("guard"), "nifti") as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "bad_headers",
    [
        {"cookie": ""},
        {"cookie": f"glioflow-review-{PORT}=wrong"},
        {"cookie": f"glioflow-review-{PORT + 1}={SECRET}"},
        {"cookie": "\xff;;=,"},
        {"host": "evil.example"},
        {"host": f"evil.example:{PORT}"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:80"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": f"https://{HOST}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_without_the_token_or_from_another_site_nothing_is_revealed(client, path, bad_headers):
    answer = client("GET", path, headers=bad_headers)
    assert answer.status_code == 403
    assert "P1" not in answer.text


@pytest.mark.parametrize("token", ["", "wrong", SECRET[:-1], SECRET + "x", "\N{SNOWMAN}"])
def test_a_wrong_token_in_the_url_is_refused(client, token):
    answer = client("GET", "/", params={"token": token}, headers={"cookie": ""})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_token_becomes_an_http_only_same_site_cookie(client):
    answer = client("GET", "/", params={"token": SECRET}, headers={"cookie": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


@pytest.mark.parametrize("path", [*PATHS, "/?token=wrong"])
def test_every_answer_forbids_requests_to_other_hosts(client, path):
    headers = client("GET", path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "http" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/page/../routes.py", "/page/..%2froutes.py", "/page/%2e%2e/%2e%2e/review/routes.py", "/page//etc/passwd",
        "/patients/../patients.csv", "/patients/0/layers/..%2f..%2freview.json", "/patients/0/layers/mask.nii.gz",
        "/patients/-1", "/patients/2", "/patients/0x0", "/patients/P1", "/patients/\u0660", "/patients/00000000000",
        "/patients/0/layers/nothing", "/patients/0/", "//patients",
    ],
)  # fmt: skip
def test_only_listed_patients_can_be_read(client, path):
    answer = client("GET", path)
    assert answer.status_code == 404
    assert "/" not in answer.json()["error"]


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.sampled_from(["", "patients", "page", "layers", "decisions", "draft", "0", "1", "7", "-1", "flair", "drawn",
                         "accepted", "corrected", "rejected", "..", "%00", "index.html"]) | ANY  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"]),
    parts=st.lists(WORDS, max_size=5),
    query=st.dictionaries(st.sampled_from(["scan", "base", "seconds", "reason", "token"]) | ANY, ANY, max_size=5),
    body=st.none() | st.binary(max_size=400),
    kind=st.sampled_from(["application/octet-stream", "text/plain", "", "application/json; charset=\xff"]),
)
def test_any_request_is_answered_or_refused(client, method, parts, query, body, kind):
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    headers = {} if body is None else {"content-type": kind}
    answer = client(method, path, params=query, headers=headers, **({} if body is None else {"content": body}))
    assert answer.status_code < 500
    # Without a scan's hash, a request may discard a draft, but change nothing else.
    assert client.session.revisions.decisions == {}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, 400),
    garbage=st.binary(min_size=1, max_size=24),
    zipped=st.booleans(),
    cut=st.integers(0, 400),
)
def test_a_damaged_mask_is_refused_or_still_binary(client, position, garbage, zipped, cut):
    opened_patient = client.session.open(0)
    data = bytearray(client.nifti(~opened_patient.start))
    data[position : position + len(garbage)] = garbage
    data = bytes(data[: len(data) - cut])
    body = gzip.compress(data, mtime=0) if zipped else data
    answer = client("PUT", "/patients/0/draft", params={"scan": opened_patient.hash}, headers=OCTETS, content=body)
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:  # the damage hit a comment, or left all voxels 0 or 1
        kept = client("GET", "/patients/0/layers/drawn").content
        assert set(np.unique(np.frombuffer(kept, np.uint8, offset=352))) <= {0, 1}


def test_a_bug_is_logged_without_a_patient_name(client, monkeypatch, caplog):
    person = " ".join(["Jane", "Doe"])  # not one literal, because the log shows lines of the code

    def fail(*_):
        raise RuntimeError(person)

    monkeypatch.setattr(patient_layers, "details", fail)
    answer = client("GET", "/patients/0")
    assert answer.status_code == 500
    assert "RuntimeError" in caplog.text
    assert person not in caplog.text + answer.text
