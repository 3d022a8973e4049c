"""The clone script of a pod gets the code from Git servers, and tells transient faults from permanent ones."""

from __future__ import annotations

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from dvc_project import isolate, run

from components.common.faults import EX_TEMPFAIL
from pipelines.cluster import clone


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A repository in which `docs` is both a folder and a branch."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory)
        folder = tmp_path_factory.mktemp("origin")
        run(folder, "git init -q -b main")
        (folder / "docs").mkdir()
        (folder / "docs" / "page").write_text("main\n")
        run(folder, "git add .")
        run(folder, "git commit -q -m main")
        run(folder, "git tag v1")
        for branch in ("docs", "feature/x"):
            run(folder, "git checkout -q -b", branch, "main")
            (folder / "docs" / "page").write_text(f"{branch}\n")
            run(folder, "git commit -q -a -m other")
        run(folder, "git checkout -q main")
        return folder


def run_clone(folder, repository, revision, **more):
    """Run the pod's clone script in an empty folder."""
    environment = os.environ | {"REPOSITORY": str(repository), "REVISION": revision, "HOME": str(folder)} | more
    lines = f"{clone.SCRIPT}cat docs/page; git rev-parse HEAD; git branch --list"
    return subprocess.run(["sh", "-euc", lines], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("revision", "page"),
    [
        ("main", "main"),
        ("docs", "docs"),
        ("feature/x", "feature/x"),
        ("v1", "main"),
        ("refs/heads/main", "main"),
        ("HEAD", "main"),
    ],
)
def test_a_branch_or_tag_is_found_even_if_a_folder_has_its_name(origin, tmp_path, revision, page):
    result = run_clone(tmp_path, origin, revision)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == page


def test_a_commit_is_found_by_its_hash(origin, tmp_path):
    commit = run(origin, "git rev-parse docs").strip()
    for name in (commit, commit[:9]):
        (tmp_path / name).mkdir()
        assert run_clone(tmp_path / name, origin, name).stdout.splitlines()[:2] == ["docs", commit]


@pytest.mark.parametrize(
    "revision", ["--orphan=x", "-b", "--detach", "-", "nowhere", "", "docs/page", "main docs", "$(x)"]
)
def test_an_invalid_revision_fails_in_one_line_and_is_never_an_option(origin, tmp_path, revision):
    result = run_clone(tmp_path, origin, revision)
    assert result.returncode == 2
    assert result.stderr == f"revision: {revision}: no branch, tag or commit of {origin}; correct it\n"
    assert run(tmp_path / "glioflow", "git branch --list").split() == ["*", "main"]


@pytest.fixture
def server():
    """A server that answers each request with the status in its path."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            status = int(self.path.split("/")[1])
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="Git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        http_server.seen, http_server.url = seen, f"http://127.0.0.1:{http_server.server_port}"
        yield http_server
        http_server.shutdown()


@pytest.mark.parametrize(
    ("status", "exit_status"),
    [(500, EX_TEMPFAIL), (502, EX_TEMPFAIL), (503, EX_TEMPFAIL), (429, EX_TEMPFAIL), (404, 2), (403, 2), (401, 2)],
)
def test_a_busy_server_is_a_transient_fault_and_a_refusal_is_not(server, tmp_path, status, exit_status):
    result = run_clone(tmp_path, f"{server.url}/{status}/x.git", "main", no_proxy="127.0.0.1", **clone.CREDENTIALS)
    assert (result.returncode, result.stderr.startswith("fatal: ")) == (exit_status, True)


@pytest.mark.parametrize(
    ("repository", "exit_status"),
    [
        ("http://127.0.0.1:9/x.git", EX_TEMPFAIL),  # nobody listens
        ("git://127.0.0.1:9/x.git", EX_TEMPFAIL),
        ("/nowhere", 2),
        ("--upload-pack=touch evil", 2),
        ("ext::touch evil", 2),
    ],
)
def test_an_unreachable_server_is_transient_and_a_wrong_address_is_not(tmp_path, repository, exit_status):
    assert run_clone(tmp_path, repository, "main", no_proxy="127.0.0.1").returncode == exit_status
    assert not (tmp_path / "evil").exists()


def test_the_token_is_used_and_the_secret_is_left_unchanged(server, tmp_path):
    """Git's own helper would write to the secret after a login, but it is read-only in a pod."""
    secret = tmp_path / "secret"
    secret.mkdir()
    host = server.url.removeprefix("http://")
    (secret / "credentials").write_text(f"http://user:token@{host}\n")
    settings = {key: value.replace(clone.SECRETS, str(secret)) for key, value in clone.CREDENTIALS.items()}
    (tmp_path / "work").mkdir()
    result = run_clone(tmp_path / "work", f"{server.url}/401/x.git", "main", no_proxy="127.0.0.1", **settings)
    assert server.seen[-1] == "Basic dXNlcjp0b2tlbg=="
    assert "credential storage" not in result.stderr
    assert [path.name for path in secret.iterdir()] == ["credentials"]
    assert (secret / "credentials").read_text() == f"http://user:token@{host}\n"  # Git's own helper would erase it
