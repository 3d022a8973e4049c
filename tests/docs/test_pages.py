"""Every page of docs/ that tells what to type is typed, in a finished project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from dvc_project import isolate, run
from finished import copy_of
from pages import PAGES, blocks, script
from whole_project import environment

NOT_RUN = [(page, block) for page in PAGES for block in blocks(page) if block.reason]
# What pages call the reader's own scans.
SCANS = ("SCANS", "NEW", "scans")


@pytest.fixture
def finished(finished_project, tmp_path, tmp_path_factory, monkeypatch):
    """A copy of the finished project, its results not yet committed, and scans of the reader's own."""
    isolate(monkeypatch, tmp_path_factory)
    folder = copy_of(finished_project, tmp_path / "project")
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "infra", folder / "infra")  # which `glioflow compile` writes into
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "champion").unlink()  # the project's own, which a page fills
    shutil.copytree(ROOT / "champion", folder / "champion")
    for name in SCANS:
        shutil.copytree(folder / "data" / "demo", tmp_path / "elsewhere" / name)
        if name != "scans":
            (folder / name).symlink_to(tmp_path / "elsewhere" / name)
    shutil.copytree(folder / "data" / "demo", folder / "scans")
    with (folder / ".git" / "info" / "exclude").open("a", encoding="utf-8") as file:
        file.write("\n".join(("", "/Makefile", "/infra", "/.venv", "/scans", "/SCANS", "/NEW", "")))
    run(folder, "git commit -q -a -m", "tiny sizes")
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())
def test_its_commands_do_what_they_say(finished, page):
    if all(block.reason for block in blocks(page)):
        pytest.skip("nothing in it can be run here")
    if "cp -r data/demo scans" in script(page):  # its reader makes that folder
        shutil.rmtree(finished / "scans")
    result = subprocess.run(
        ["bash", "-c", script(page)], cwd=finished, env={**os.environ, **environment(finished)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("page", "block"), NOT_RUN, ids=[f"{page.relative_to(ROOT / 'docs')}:{block.line}" for page, block in NOT_RUN]
)
def test_what_is_not_run(page, block):
    pytest.skip(block.reason)


def test_a_page_without_a_mark_is_run(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n    echo one\n\n```console\n$ echo two\ntwo\n```\n\n```python\nthree\n```\n", encoding="utf-8"
    )
    assert [(one.line, one.text.strip(), one.reason) for one in blocks(page)] == [
        (3, "echo one", ""),
        (5, "echo two", ""),
    ]


def test_a_mark_keeps_one_block_from_being_run(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- before: echo zero -->\n\nText.\n\n<!-- not run: no cloud here -->\n\n    echo one\n\n"
        "Text.\n\n    echo two\n",
        encoding="utf-8",
    )
    assert [(one.text.strip(), one.reason) for one in blocks(page)] == [
        ("echo zero", ""),
        ("echo one", "no cloud here"),
        ("echo two", ""),
    ]
    said = subprocess.run(["bash", "-c", script(page)], capture_output=True, text=True, check=True)
    assert said.stdout == "zero\ntwo\n"


@pytest.mark.parametrize("behind", ["Text.\n", "", "\n## Heading\n"])
def test_a_mark_before_no_commands_is_a_mistake(tmp_path, behind):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n<!-- not run: lost -->\n\n{behind}", encoding="utf-8")
    with pytest.raises(ValueError, match="no commands behind `not run: lost`"):
        blocks(page)


def test_there_are_pages_with_commands():
    assert {"tutorial.md", "predict.md", "training.md"} <= {page.name for page in PAGES if blocks(page)}
    assert all(Path(page).is_file() for page in PAGES)
