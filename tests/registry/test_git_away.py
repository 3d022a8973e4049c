"""A Git server that is away is told from one that refuses, whichever command asks it."""

from __future__ import annotations

import pytest
from dvc_project import isolate, run

from components.common.errors import UserError
from components.common.faults import is_passing
from components.registry.git import GitError, RemoteAwayError, fetch_tags, git, publish_tag

AWAY = "http://127.0.0.1:9/x.git"


@pytest.fixture
def clone(tmp_path, tmp_path_factory, monkeypatch):
    isolate(monkeypatch, tmp_path_factory)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "git init -q -b main")
    run(tmp_path, "git commit -q --allow-empty -m start")
    run(tmp_path, "git tag layered@v1.0.0")


@pytest.mark.parametrize(
    "ask",
    [
        lambda where: git("ls-remote", where),
        lambda where: git("fetch", "--quiet", where, "refs/heads/main"),
        lambda where: git("push", "--quiet", where, "HEAD:refs/heads/main"),
        fetch_tags,
        lambda where: publish_tag(where, "layered@v1.0.0"),
    ],
)
def test_away_may_pass_and_nowhere_does_not(clone, ask):
    with pytest.raises(UserError) as away:
        ask(AWAY)
    assert is_passing(away.value)
    git("tag", "--force", "layered@v1.0.0")
    with pytest.raises(UserError) as nowhere:
        ask("/nowhere")
    assert not is_passing(nowhere.value)


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
def test_gits_words_are_read(clone, tmp_path, monkeypatch, line, kind):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\necho "{line}" >&2\nexit 128\n')
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    with pytest.raises(GitError) as told:
        git("fetch")
    assert type(told.value) is kind
