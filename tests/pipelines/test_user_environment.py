"""A user without a home and a name, such as a container's random user id, gets both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT
from whole_project import BIN, commit, copy_project

from pipelines.processes import user_environment

PRINT_ACCOUNT = (
    "from pipelines.processes import user_environment; user_environment.complete(); import getpass, pathlib; "
    "print(getpass.getuser(), pathlib.Path.home())"
)
CHOOSE_PYTHON = (
    f"import sys; sys.path.insert(0, {str(ROOT / 'infra')!r}); import bootstrap; "
    "print(bootstrap.choose_python(['3.1']) == '3.1')"
)
UNKNOWN_UID = 1_000_660_000
# The capability lets it read files of other users, as group 0 does in such a container.
AS_UNKNOWN_UID = (
    f"setpriv --reuid={UNKNOWN_UID} --regid=0 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override"
)


@pytest.fixture
def shared_folder():
    """A temporary folder that all users can reach; pytest's own are private to one user."""
    with tempfile.TemporaryDirectory(prefix="glioflow-test-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def run_as_unknown_uid(shared_folder):
    """A function that runs a command as a user id without a passwd entry and returns its stdout and stderr."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("another user id can be had by root alone, with setpriv")

    def run(*command, cwd=ROOT, **variables):
        settings = {"PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TMPDIR": str(shared_folder), **variables}
        result = subprocess.run(
            [*AS_UNKNOWN_UID.split(), *command], cwd=cwd, env=settings, capture_output=True, text=True
        )
        return result.stdout, result.stderr

    return run


@pytest.mark.parametrize("variables", [{}, {"HOME": "/"}, {"HOME": "/nowhere"}])
def test_a_user_id_without_a_passwd_entry_gets_a_home_and_a_name(run_as_unknown_uid, shared_folder, variables):
    home = shared_folder / f"glioflow-home-{UNKNOWN_UID}"
    for _ in range(2):  # every process of a run gets the same home
        assert run_as_unknown_uid(sys.executable, "-c", PRINT_ACCOUNT, **variables) == (
            f"user-{UNKNOWN_UID} {home}\n",
            "",
        )
    assert home.stat().st_mode & 0o777 == 0o700


def test_an_unknown_user_id_can_choose_a_python(run_as_unknown_uid):
    output, errors = run_as_unknown_uid(sys.executable, "-c", CHOOSE_PYTHON)
    assert (output, errors) == ("True\n", "")


def test_a_home_folder_of_another_user_is_not_used(run_as_unknown_uid, shared_folder):
    (shared_folder / f"glioflow-home-{UNKNOWN_UID}").mkdir()  # root's
    output, _ = run_as_unknown_uid(sys.executable, "-c", PRINT_ACCOUNT)
    home = Path(output.split()[1])
    assert home.parent == shared_folder
    assert home.name != f"glioflow-home-{UNKNOWN_UID}"


def test_dvc_and_git_work_for_an_unknown_user_id(run_as_unknown_uid, shared_folder):
    project = copy_project(shared_folder / "project")
    commit(project)
    for folder in (project, project / ".dvc", project / ".git"):
        folder.chmod(0o775)  # as in images for such clusters: group 0 may do everything
    _, errors = run_as_unknown_uid("glioflow", "models", cwd=project)
    assert "dubious ownership" in errors  # Git's own message, which says what to do
    assert errors.count("\n") == 1
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    output, errors = run_as_unknown_uid("glioflow", "clean", cwd=project, **trusted)
    assert (output, errors) == ("nothing to remove\n", "")


def test_an_existing_home_and_name_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "somebody")
    user_environment.complete()
    assert (os.environ["HOME"], os.environ["USER"]) == (str(tmp_path), "somebody")


def test_a_read_only_root_filesystem_is_enough(shared_folder, tmp_path):
    """Only the workspace and a folder for temporary files are writable, as in a pod."""
    mounts = "; ".join(f"mount -t tmpfs -o ro none {folder}" for folder in ("/var", "/home"))
    command = ["unshare", "--map-root-user", "--mount", "sh", "-ec", f'{mounts}; exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here: unshare --mount fails")
    code = (
        "from pipelines.processes import user_environment; user_environment.complete(); "
        "from dvc.cli import main; print(main(['status']))"
    )
    copy_project(tmp_path / "project")
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(shared_folder),
        "HOME": "/home",
    }
    result = subprocess.run(
        [*command, sys.executable, "-c", code],
        cwd=tmp_path / "project", env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.stdout.splitlines()[-1:] == ["0"], result.stderr
