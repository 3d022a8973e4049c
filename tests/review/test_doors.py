"""Who is let in: the page itself, with its token. Whatever else is asked, the answer is a refusal and no failure."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reviewed import PORT, SECRET, reviewing

from components.review import patient_layers

HOST = f"127.0.0.1:{PORT}"
OCTETS = {"content-type": "application/octet-stream"}
PATHS = ("/", "/page/main.js", "/patients", "/patients/0", "/patients/0/layers/flair", "/nothing")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with reviewing(tmp_path_factory.mktemp("doors"), "nifti") as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "spoilt",
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
def test_without_the_token_or_from_elsewhere_nothing_is_told(client, path, spoilt):
    answer = client("GET", path, headers=spoilt)
    assert answer.status_code == 403
    assert "P1" not in answer.text


@pytest.mark.parametrize("token", ["", "wrong", SECRET[:-1], SECRET + "x", "\N{SNOWMAN}"])
def test_a_wrong_token_in_the_address_opens_nothing(client, token):
    answer = client("GET", "/", params={"token": token}, headers={"cookie": ""})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(client):
    answer = client("GET", "/", params={"token": SECRET}, headers={"cookie": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


@pytest.mark.parametrize("path", [*PATHS, "/?token=wrong"])
def test_every_answer_forbids_the_browser_to_ask_others(client, path):
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
def test_nothing_but_the_patients_of_the_list_can_be_read(client, path):
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
def test_whatever_is_asked_is_answered_or_refused(client, method, parts, query, body, kind):
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    headers = {} if body is None else {"content-type": kind}
    answer = client(method, path, params=query, headers=headers, **({} if body is None else {"content": body}))
    assert answer.status_code < 500
    # A draft may be dropped, and nothing else be changed, by somebody who does not know what a scan's hash is.
    assert client.desk.revisions.decisions == {}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, 400), garbage=st.binary(min_size=1, max_size=24), zipped=st.booleans(), cut=st.integers(0, 400)
)
def test_a_damaged_mask_is_saved_by_nobody(client, at, garbage, zipped, cut):
    seen = client.desk.open(0)
    data = bytearray(client.nifti(~seen.start))
    data[at : at + len(garbage)] = garbage
    data = bytes(data[: len(data) - cut])
    body = gzip.compress(data, mtime=0) if zipped else data
    answer = client("PUT", "/patients/0/draft", params={"scan": seen.hash}, headers=OCTETS, content=body)
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:  # the damage hit a comment, or voxels that it left at 0 and 1
        kept = client("GET", "/patients/0/layers/drawn").content
        assert set(np.unique(np.frombuffer(kept, np.uint8, offset=352))) <= {0, 1}


def test_an_error_of_the_code_is_logged_without_a_patients_name(client, monkeypatch, caplog):
    person = " ".join(["Jane", "Doe"])  # not in one piece in the code, whose lines are logged

    def fail(*_):
        raise RuntimeError(person)

    monkeypatch.setattr(patient_layers, "details", fail)
    answer = client("GET", "/patients/0")
    assert answer.status_code == 500
    assert "RuntimeError" in caplog.text
    assert person not in caplog.text + answer.text
