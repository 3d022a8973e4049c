"""A pytest plugin: one finished run of the whole workflow per session, and other things that all workers share."""

from __future__ import annotations

import fcntl
import os
import shutil

import pytest

FACTORIES = []  # holds the one of this session


@pytest.fixture(scope="session", autouse=True)
def session_folders(tmp_path_factory):
    """Let functions that are not fixtures make something once, too."""
    FACTORIES.append(tmp_path_factory)


@pytest.fixture(scope="session")
def warm_programs():
    """The PATH and the log of `warm_server`: one process for all tests that use it, in the group `finished`."""
    from warm_server import warm_server

    with warm_server() as programs:
        yield programs


@pytest.fixture(scope="session")
def finished_project(request, tmp_path_factory):
    """A copy of the project in which `glioflow run` has finished at tiny sizes; run.log holds what it printed.

    Read-only: all tests of the session share it. Tests that change something use `project_copy`.
    """
    # The name has characters that occur in real paths and are special in glob patterns.
    return make_once(
        tmp_path_factory,
        "a [finished] run",
        lambda folder: run_workflow(folder, *request.getfixturevalue("warm_programs")),
    )


def make_once_in_session(name, make):
    """`make_once` for functions that can't use a fixture."""
    return make_once(FACTORIES[0], name, make)


def make_once(tmp_path_factory, name, make):
    """A folder of that name in which `make(folder)` has run, once for all workers; its content must not be changed."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the folder that all workers share
    folder, made = base / name, base / f"{name}.made"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def run_workflow(folder, path, log):
    """Copy the project into `folder` and run it."""
    from whole_project import commit, copy_project, run_command, tiny_switches

    commit(copy_project(folder))
    result = run_command("glioflow", "run", *tiny_switches(), cwd=folder, PATH=path)
    assert result.returncode == 0, result.stdout + result.stderr
    log_text = "\n".join([result.stdout, "--- stderr ---", result.stderr, log.read_text(encoding="utf-8")])
    (folder / "run.log").write_text(log_text, encoding="utf-8")


@pytest.fixture
def project_copy(finished_project, tmp_path):
    """A copy of the finished project, DVC's cache included, in the test's own folder; no stage has to run again."""
    return clone_project(finished_project, tmp_path / "project")


def clone_project(project, folder):
    """Copy a project with its Git history and DVC's cache into `folder`; links stay links."""
    return shutil.copytree(project, folder, symlinks=True, copy_function=_copy)


def _copy(source, target):
    """Copy a file; files of DVC's cache are hard-linked, because DVC never writes into them."""
    (os.link if "/.dvc/cache/" in source else shutil.copy2)(source, target)
