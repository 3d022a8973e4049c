"""Folders of scans whose names have a special meaning in YAML, DVC or the shell."""

from __future__ import annotations

import shutil

import pytest
from dvc.repo import Repo
from scan_writers import make_scan, write_kaggle

from components.common import yaml_text
from components.sources import open_source
from pipelines.editing import assignments, params_text

NAMES = [
    *("a (1)", "Köln", "a,b", "a=b", "it's", "[x]", "a#b", "# a", "a&b", "~x", "a  b", " a", "a ", "$HOME", "${x}"),
    *("a: b", "*?", "a\\b", "100%", "-x", "{a: b}", "null", "2020-01-31", 'a"b', "@x", "a;b|c", "x::y", "file:x"),
    *("a\tb", "😀", "!x"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a set of scans and one stage that depends on its source, like `ingest` in dvc.yaml."""
    folder = tmp_path_factory.mktemp("project")
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    stage = "  ingest:\n    cmd: 'true'\n    deps:\n      - ${source}\n"
    (folder / "dvc.yaml").write_text(f"stages:\n{stage}", encoding="utf-8")
    write_kaggle(folder / "set", make_scan("TCGA_DU_0001_19990101"))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_read_and_dvc_depends_on_it(project, monkeypatch, name):
    monkeypatch.chdir(project)
    shutil.copytree("set", name)
    text, _ = params_text.put(
        "scale: demo\nsource: set   # folder\n", [assignments.written("source", name)], "params.yaml"
    )
    (project / "params.yaml").write_bytes(text.encode())
    source = yaml_text.parse(text, "params.yaml")["source"]
    assert source == name
    with open_source(source) as opened:
        assert opened.patients == ["TCGA_DU_0001_19990101"]
    with Repo() as repo:
        (dep,) = (dep for stage in repo.index.stages for dep in stage.deps)
        assert dep.def_path == name
        assert dep.exists
