"""One finished run of the whole workflow a session, and what else is made once for all workers, as a pytest plugin."""

from __future__ import annotations

import fcntl
import os
import shutil

import pytest

FACTORIES = []  # of this session's folders: one


@pytest.fixture(scope="session", autouse=True)
def session_folders(tmp_path_factory):
    """Let functions that are no fixtures make something once, too."""
    FACTORIES.append(tmp_path_factory)


@pytest.fixture(scope="session")
def warmed():
    """What `warm` gives, a PATH and a file: one process for all tests that ask, which are in the group `finished`."""
    from warm import warm

    with warm() as programs:
        yield programs


@pytest.fixture(scope="session")
def finished_project(request, tmp_path_factory):
    """A copy of the project in which `glioflow run` has finished at tiny sizes; run.log holds what it printed.

    To look at only: every test of the session shares it. Those that change something take `project_copy`.
    """
    # Characters that people have in paths, and that mean something to globs.
    return once(tmp_path_factory, "a [finished] run", lambda folder: finish(folder, *request.getfixturevalue("warmed")))


def once_for_all(name, make):
    """`once`, where no fixture can be asked for."""
    return once(FACTORIES[0], name, make)


def once(tmp_path_factory, name, make):
    """A folder of that name in which `make(folder)` has run, once for all workers; nobody may change what is in it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # which all workers have in common
    folder, made = base / name, base / f"{name}.made"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def finish(folder, path, log):
    """Copy the project into `folder` and run it."""
    from whole_project import command, commit, copied, tiny

    commit(copied(folder))
    result = command("glioflow", "run", *tiny(), cwd=folder, PATH=path)
    assert result.returncode == 0, result.stdout + result.stderr
    said = "\n".join([result.stdout, "--- stderr ---", result.stderr, log.read_text(encoding="utf-8")])
    (folder / "run.log").write_text(said, encoding="utf-8")


@pytest.fixture
def project_copy(finished_project, tmp_path):
    """The finished project in a folder of the test's own, DVC's cache included; nothing has to run again in it."""
    return copy_of(finished_project, tmp_path / "project")


def copy_of(project, folder):
    """Copy a project with its history and its cache into `folder`; links stay links."""
    return shutil.copytree(project, folder, symlinks=True, copy_function=_copy)


def _copy(source, target):
    """Copy a file; DVC never writes into one of its cache, so a second name for it is enough there."""
    (os.link if "/.dvc/cache/" in source else shutil.copy2)(source, target)
