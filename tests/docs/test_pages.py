"""The commands in every page of docs/ run in a finished project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from dvc_project import isolate, run
from finished_project import clone_project
from pages import PAGES, blocks, script
from whole_project import environment

VIEWER = ROOT / ".tools" / "review"
NOT_RUN = [(page, block) for page in PAGES for block in blocks(page) if block.reason]
# Names that pages use for the reader's own scans.
SCANS = ("SCANS", "NEW", "scans")


@pytest.fixture
def finished(finished_project, tmp_path, tmp_path_factory, monkeypatch):
    """A copy of the finished project with uncommitted results and the reader's own scans."""
    isolate(monkeypatch, tmp_path_factory)
    folder = clone_project(finished_project, tmp_path / "project")
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "infra", folder / "infra")  # `glioflow compile` writes into it
    (folder / ".venv").symlink_to(sys.prefix)
    if VIEWER.is_dir():  # the modern stack's root knows no certificates of a site's own, so npm may be out of reach
        shutil.copytree(VIEWER, folder / ".tools" / "review")
    (folder / "champion").unlink()  # a link to the project's own folder, which a page would fill
    shutil.copytree(ROOT / "champion", folder / "champion")
    for name in SCANS:
        shutil.copytree(folder / "data" / "demo", tmp_path / "elsewhere" / name)
        if name != "scans":
            (folder / name).symlink_to(tmp_path / "elsewhere" / name)
    shutil.copytree(folder / "data" / "demo", folder / "scans")
    with (folder / ".git" / "info" / "exclude").open("a", encoding="utf-8") as file:
        file.write("\n".join(("", "/Makefile", "/infra", "/.venv", "/.tools", "/scans", "/SCANS", "/NEW", "")))
    run(folder, "git commit -q -a -m", "tiny sizes")
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())
def test_the_commands_of_a_page_succeed(finished, page):
    if all(block.reason for block in blocks(page)):
        pytest.skip("nothing in it can be run here")
    if "cp -r data/demo scans" in script(page):  # the reader of this page makes that folder
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
def test_a_block_marked_as_not_run_is_skipped(page, block):
    pytest.skip(block.reason)


def test_blocks_without_a_mark_are_run(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n    echo one\n\n```console\n$ echo two\ntwo\n```\n\n```python\nthree\n```\n", encoding="utf-8"
    )
    assert [(found.line, found.text.strip(), found.reason) for found in blocks(page)] == [
        (3, "echo one", ""),
        (5, "echo two", ""),
    ]


def test_a_mark_keeps_only_the_next_block_from_being_run(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- before: echo zero -->\n\nText.\n\n<!-- not run: no cloud here -->\n\n    echo one\n\n"
        "Text.\n\n    echo two\n",
        encoding="utf-8",
    )
    assert [(found.text.strip(), found.reason) for found in blocks(page)] == [
        ("echo zero", ""),
        ("echo one", "no cloud here"),
        ("echo two", ""),
    ]
    completed = subprocess.run(["bash", "-c", script(page)], capture_output=True, text=True, check=True)
    assert completed.stdout == "zero\ntwo\n"


@pytest.mark.parametrize("following", ["Text.\n", "", "\n## Heading\n"])
def test_a_mark_without_commands_after_it_is_refused(tmp_path, following):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n<!-- not run: lost -->\n\n{following}", encoding="utf-8")
    with pytest.raises(ValueError, match="no commands behind `not run: lost`"):
        blocks(page)


def test_there_are_pages_with_commands():
    assert {"tutorial.md", "predict.md", "training.md"} <= {page.name for page in PAGES if blocks(page)}
    assert all(Path(page).is_file() for page in PAGES)
