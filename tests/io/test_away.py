"""A bucket whose server is away, or out of breath: told in one line, with a status of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gcsfs.retry
import pytest
import yaml
from conftest import tiny_tree
from gcs_server import ADDRESS, lead_clients_to
from in_process import glioflow

from components.common.errors import PassingError, UserError
from components.common.faults import PASSING
from components.io.storage import Storage
from components.sources.dicom.folder_owners import study_of
from components.train.checkpoints import Checkpoints, State
from pipelines import times


@pytest.fixture
def impatient(monkeypatch):
    """Let gcsfs try again at once, instead of for half a minute."""

    async def at_once(seconds):
        pass

    monkeypatch.setattr(gcsfs.retry, "asyncio", type("", (), {"sleep": staticmethod(at_once)}))


@pytest.fixture
def answering(monkeypatch, tmp_path, impatient):
    """Have a server answer every request for the bucket with a status."""
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
        lead_clients_to(f"http://127.0.0.1:{server.server_port}", monkeypatch, tmp_path)

    yield answer
    for server in servers:
        server.shutdown()
        server.server_close()


CALLS = {
    "check": lambda place, file: place.check(),
    "files": lambda place, file: place.files,
    "put": lambda place, file: place.put(file, "x"),
    "open": lambda place, file: place.open("x"),
    "remove": lambda place, file: place.remove(),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_server_out_of_breath_may_pass(answering, tmp_path, call):
    answering(503)
    (tmp_path / "x").write_text("x")
    with pytest.raises(PassingError, match=rf"^{ADDRESS}.*: does not answer \(.*\); this may pass"):
        CALLS[call](Storage(ADDRESS), tmp_path / "x")


@pytest.mark.parametrize("call", CALLS)
def test_no_server_may_pass(monkeypatch, tmp_path, impatient, call):
    lead_clients_to("http://127.0.0.1:9", monkeypatch, tmp_path)
    (tmp_path / "x").write_text("x")
    with pytest.raises(PassingError, match=rf"^{ADDRESS}.*: does not answer \(.*\); this may pass"):
        CALLS[call](Storage(ADDRESS), tmp_path / "x")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_does_not(answering, status):
    answering(status)
    with pytest.raises(UserError) as told:
        Storage(ADDRESS).check()
    assert not isinstance(told.value, PassingError)


@pytest.mark.parametrize(("status", "ends"), [(503, PASSING), (401, 2)])
def test_a_stage_tells_it_by_its_exit_status_and_in_its_note(answering, tmp_path, monkeypatch, status, ends):
    answering(status)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny_tree() | {"source": ADDRESS}), encoding="utf-8")
    began = times.BEGAN
    result = glioflow("stage", "ingest", cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (ends, 1)
    monkeypatch.chdir(tmp_path)
    assert times.failed_in_passing("ingest", began) is (ends == PASSING)
    assert not times.failed_in_passing("ingest", time.time() + 1)
    assert not times.failed_in_passing("split", began)


class Cut:
    """A file that a connection brings, which breaks."""

    def __init__(self, error):
        self.error = error

    def __enter__(self):
        return self

    def __exit__(self, *of):
        pass

    def read(self, *size):
        raise self.error

    seek = tell = read


def test_a_checkpoint_is_not_damaged_because_its_bucket_is_away(tmp_path, monkeypatch):
    kept = Checkpoints(str(tmp_path), "key")
    kept.save(State("key", step=3), {})
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "open", lambda self, path: Cut(ConnectionResetError(104, "Connection reset by peer")))
        with pytest.raises(ConnectionResetError):
            kept.latest()
    assert kept.latest()[0].step == 3


def test_a_file_is_not_taken_for_something_else_because_its_bucket_is_away(monkeypatch, tmp_path, impatient):
    lead_clients_to("http://127.0.0.1:9", monkeypatch, tmp_path)
    with pytest.raises(PassingError):
        study_of(Storage(ADDRESS), "p/1.dcm")


def test_gcsfs_still_waits_by_asyncio():
    assert gcsfs.retry.asyncio is asyncio
