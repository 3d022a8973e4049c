"""Bucket addresses that can't be read: one line that names the address, and no copies left behind."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from bad_sources import PATIENTS, assert_refused
from conftest import tiny_tree
from gcs_server import ADDRESS, point_clients_at, upload_patients

from components.common.errors import UserError
from components.sources import open_source

GLIOFLOW = Path(sys.executable).with_name("glioflow")
pytestmark = pytest.mark.usefixtures("temporary_folder")


@pytest.fixture
def uploaded(tmp_path, bucket):
    """The bucket, with four patients as pictures at `ADDRESS`."""
    upload_patients(bucket, tmp_path / "in")
    return bucket


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("gs://scans/empty", "no scans found"),
        ("gs://nobodys/incoming", "no such bucket"),
        ("gs://scans/missing.zip", "no such bucket or file"),
        ("gs://nobodys/missing.zip", "no such bucket"),
        ("gs://scans/damaged.zip", "damaged archive"),
        ("s3://scans/incoming", "Install s3fs"),
    ],
)
def test_an_address_without_scans_is_refused_in_one_line(tmp_path, bucket, address, message):
    bucket.blob("damaged.zip").upload_from_string(b"PK")
    assert_refused(tmp_path, address, message)


@pytest.mark.parametrize("name", ["/evil.tif", "../evil.tif", f"{PATIENTS[0]}/../../evil.tif"])
def test_an_object_name_that_escapes_the_folder_is_refused(tmp_path, uploaded, name):
    uploaded.blob(f"incoming/2024/{name}").upload_from_string(b"evil")
    assert_refused(tmp_path, ADDRESS, "evil.tif' is not a path")


def test_an_object_that_vanishes_is_named(uploaded):
    name = f"{PATIENTS[1]}/{PATIENTS[1]}_3.tif"
    with open_source(ADDRESS) as source:
        uploaded.blob(f"incoming/2024/{name}").delete()
        with pytest.raises(UserError, match=rf"^{ADDRESS}/{name}: not accessible \(no such bucket or file\); .*$"):
            source.read(PATIENTS[1])


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers like Cloud Storage to a client without an account; the server of the other tests has no accounts."""

    def do_GET(self):
        answer = json.dumps({"error": {"code": 401, "message": "Anonymous caller has no storage.objects.list access"}})
        self.send_response(401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *args):
        pass


def test_an_inaccessible_bucket_is_reported_in_a_single_line(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": ADDRESS}), encoding="utf-8")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        point_clients_at(f"http://127.0.0.1:{server.server_port}", monkeypatch, tmp_path)
        result = subprocess.run([GLIOFLOW, "stage", "ingest"], cwd=tmp_path, capture_output=True, text=True)
        server.shutdown()
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"glioflow: {ADDRESS}: not accessible (Anonymous caller has no storage.objects.list access")
