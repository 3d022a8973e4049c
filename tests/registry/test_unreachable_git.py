"""An unreachable Git server is distinguished from one that refuses, whichever command contacts it."""

from __future__ import annotations

import pytest
from dvc_project import isolate, run

from components.common.errors import UserError
from components.common.faults import is_transient
from components.registry.git import GitError, RemoteAwayError, fetch_tags, git, publish_tag

UNREACHABLE = "http://127.0.0.1:9/x.git"


@pytest.fixture
def clone(tmp_path, tmp_path_factory, monkeypatch):
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "git init -q -b main")
    run(tmp_path, "git commit -q --allow-empty -m start")
    run(tmp_path, "git tag layered@v1.0.0")


@pytest.mark.parametrize(
    "contact",
    [
        lambda remote: git("ls-remote", remote),
        lambda remote: git("fetch", "--quiet", remote, "refs/heads/main"),
        lambda remote: git("push", "--quiet", remote, "HEAD:refs/heads/main"),
        fetch_tags,
        lambda remote: publish_tag(remote, "layered@v1.0.0"),
    ],
)
def test_an_unreachable_server_is_transient_and_a_missing_one_is_not(clone, contact):
    with pytest.raises(UserError) as unreachable:
        contact(UNREACHABLE)
    assert is_transient(unreachable.value)
    git("tag", "--force", "layered@v1.0.0")
    with pytest.raises(UserError) as nowhere:
        contact("/nowhere")
    assert not is_transient(nowhere.value)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("fatal: unable to access 'https://g/x/': Could not resolve host: g", RemoteAwayError),
        ("ssh: connect to host g port 22: Connection timed out", RemoteAwayError),
        ("fatal: the remote end hung up unexpectedly", RemoteAwayError),
        ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", RemoteAwayError),
        ("fatal: unable to access 'https://g/x/': The requested URL returned error: 403", GitError),
        ("fatal: Authentication failed for 'https://g/x/'", GitError),
        ("git@g: Permission denied (publickey). fatal: the remote end hung up unexpectedly", GitError),
        ("remote: Repository not found. fatal: repository 'https://g/x/' not found", GitError),
        ("fatal: bad revision 'x'", GitError),
    ],
)
def test_git_error_messages_are_classified(clone, tmp_path, monkeypatch, line, kind):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\necho "{line}" >&2\nexit 128\n')
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    with pytest.raises(GitError) as error:
        git("fetch")
    assert type(error.value) is kind
