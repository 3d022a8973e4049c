"""Addresses in buckets that can't be read: one line, that names the address, and no copies left."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from conftest import tiny_tree
from gcs_server import ADDRESS, lead_clients_to, upload_patients
from refused import PATIENTS, assert_refused

from components.common.errors import UserError
from components.sources import open_source

GLIOFLOW = Path(sys.executable).with_name("glioflow")
pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture
def uploaded(tmp_path, bucket):
    """The bucket, with four patients as pictures at `ADDRESS`."""
    upload_patients(bucket, tmp_path / "in")
    return bucket


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("gs://scans/empty", "no scans found"),
        ("gs://nobodys/incoming", "no such bucket"),
        ("gs://scans/missing.zip", "no such bucket or file"),
        ("gs://nobodys/missing.zip", "no such bucket"),
        ("gs://scans/damaged.zip", "damaged archive"),
        ("s3://scans/incoming", "Install s3fs"),
    ],
)
def test_an_address_without_scans_ends_in_one_line(tmp_path, bucket, address, says):
    bucket.blob("damaged.zip").upload_from_string(b"PK")
    assert_refused(tmp_path, address, says)


@pytest.mark.parametrize("name", ["/evil.tif", "../evil.tif", f"{PATIENTS[0]}/../../evil.tif"])
def test_an_object_whose_copy_would_leave_the_folder_is_refused(tmp_path, uploaded, name):
    uploaded.blob(f"incoming/2024/{name}").upload_from_string(b"evil")
    assert_refused(tmp_path, ADDRESS, "evil.tif' is not a path")


def test_an_object_that_vanishes_is_named(uploaded):
    name = f"{PATIENTS[1]}/{PATIENTS[1]}_3.tif"
    with open_source(ADDRESS) as source:
        uploaded.blob(f"incoming/2024/{name}").delete()
        with pytest.raises(UserError, match=rf"^{ADDRESS}/{name}: not accessible \(no such bucket or file\); .*$"):
            source.read(PATIENTS[1])


class Refusing(http.server.BaseHTTPRequestHandler):
    """What Cloud Storage answers to who has no account; the server of the other tests knows no accounts."""

    def do_GET(self):
        answer = json.dumps({"error": {"code": 401, "message": "Anonymous caller has no storage.objects.list access"}})
        self.send_response(401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *args):
        pass


def test_a_bucket_without_access_shows_one_line_on_the_screen(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": ADDRESS}), encoding="utf-8")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lead_clients_to(f"http://127.0.0.1:{server.server_port}", monkeypatch, tmp_path)
        result = subprocess.run([GLIOFLOW, "stage", "ingest"], cwd=tmp_path, capture_output=True, text=True)
        server.shutdown()
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"glioflow: {ADDRESS}: not accessible (Anonymous caller has no storage.objects.list access")
