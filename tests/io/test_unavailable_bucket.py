"""A bucket whose server is unreachable or overloaded is reported in one line, with an exit status of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gcsfs.retry
import pytest
import yaml
from conftest import tiny_tree
from gcs_server import ADDRESS, point_clients_at
from in_process import glioflow

from components.common.errors import TransientError, UserError
from components.common.faults import EX_TEMPFAIL
from components.io.storage import Storage
from components.sources.dicom.folder_owners import study_of
from components.train.checkpoints import Checkpoints, State
from pipelines.runs import times


@pytest.fixture
def no_retry_delay(monkeypatch):
    """Let gcsfs retry without delay, instead of for half a minute."""

    async def no_sleep(seconds):
        pass

    monkeypatch.setattr(gcsfs.retry, "asyncio", type("", (), {"sleep": staticmethod(no_sleep)}))


@pytest.fixture
def respond_with(monkeypatch, tmp_path, no_retry_delay):
    """Make a server answer every request for the bucket with the given status."""
    servers = []

    def answer(status):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        point_clients_at(f"http://127.0.0.1:{server.server_port}", monkeypatch, tmp_path)

    yield answer
    for server in servers:
        server.shutdown()
        server.server_close()


CALLS = {
    "check": lambda bucket, file: bucket.check(),
    "files": lambda bucket, file: bucket.files,
    "put": lambda bucket, file: bucket.put(file, "x"),
    "open": lambda bucket, file: bucket.open("x"),
    "remove": lambda bucket, file: bucket.remove(),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_overloaded_server_raises_a_passing_error(respond_with, tmp_path, call):
    respond_with(503)
    (tmp_path / "x").write_text("x")
    with pytest.raises(TransientError, match=rf"^{ADDRESS}.*: does not answer \(.*\); this may pass"):
        CALLS[call](Storage(ADDRESS), tmp_path / "x")


@pytest.mark.parametrize("call", CALLS)
def test_an_unreachable_server_raises_a_passing_error(monkeypatch, tmp_path, no_retry_delay, call):
    point_clients_at("http://127.0.0.1:9", monkeypatch, tmp_path)
    (tmp_path / "x").write_text("x")
    with pytest.raises(TransientError, match=rf"^{ADDRESS}.*: does not answer \(.*\); this may pass"):
        CALLS[call](Storage(ADDRESS), tmp_path / "x")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_a_passing_error(respond_with, status):
    respond_with(status)
    with pytest.raises(UserError) as error_info:
        Storage(ADDRESS).check()
    assert not isinstance(error_info.value, TransientError)


@pytest.mark.parametrize(("status", "expected"), [(503, EX_TEMPFAIL), (401, 2)])
def test_a_stage_marks_a_passing_error_in_its_exit_status_and_note(
    respond_with, tmp_path, monkeypatch, status, expected
):
    respond_with(status)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": ADDRESS}), encoding="utf-8")
    began = times.BEGAN
    result = glioflow("stage", "ingest", cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (expected, 1)
    monkeypatch.chdir(tmp_path)
    assert times.failed_transiently("ingest", began) is (expected == EX_TEMPFAIL)
    assert not times.failed_transiently("ingest", time.time() + 1)
    assert not times.failed_transiently("split", began)


class BrokenConnection:
    """A remote file whose connection breaks while it is read."""

    def __init__(self, error):
        self.error = error

    def __enter__(self):
        return self

    def __exit__(self, *of):
        pass

    def read(self, *size):
        raise self.error

    seek = tell = read


def test_a_lost_connection_does_not_discard_a_checkpoint(tmp_path, monkeypatch):
    saved = Checkpoints(str(tmp_path), "key")
    saved.save(State("key", step=3), {})
    with monkeypatch.context() as patch:
        patch.setattr(
            Storage, "open", lambda self, path: BrokenConnection(ConnectionResetError(104, "Connection reset by peer"))
        )
        with pytest.raises(ConnectionResetError):
            saved.latest()
    assert saved.latest()[0].step == 3


def test_an_unreachable_file_is_not_mistaken_for_a_non_dicom_file(monkeypatch, tmp_path, no_retry_delay):
    point_clients_at("http://127.0.0.1:9", monkeypatch, tmp_path)
    with pytest.raises(TransientError):
        study_of(Storage(ADDRESS), "p/1.dcm")


def test_gcsfs_still_sleeps_with_asyncio():
    assert gcsfs.retry.asyncio is asyncio
