"""Who has no home and no name, as in a container with a user id of the cluster's own, gets both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT
from whole_project import BIN, commit, copied

from pipelines import account

SAID = (
    "from pipelines import account; account.complete(); import getpass, pathlib; "
    "print(getpass.getuser(), pathlib.Path.home())"
)
LOOK = (
    f"import sys; sys.path.insert(0, {str(ROOT / 'infra')!r}); import bootstrap; "
    "print(bootstrap.choose_python(['3.1']) == '3.1')"
)
STRANGER = 1_000_660_000
# The capability lets it read what belongs to others, which group 0 would in such a container.
BECOME = f"setpriv --reuid={STRANGER} --regid=0 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override"


@pytest.fixture
def place():
    """A temporary folder that everybody can get to; pytest's own are for one user."""
    with tempfile.TemporaryDirectory(prefix="glioflow-test-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def stranger(place):
    """Runs a command as a user id that no passwd knows; returns output and errors."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("another user id can be had by root alone, with setpriv")

    def run(*command, cwd=ROOT, **variables):
        settings = {"PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TMPDIR": str(place), **variables}
        done = subprocess.run([*BECOME.split(), *command], cwd=cwd, env=settings, capture_output=True, text=True)
        return done.stdout, done.stderr

    return run


@pytest.mark.parametrize("variables", [{}, {"HOME": "/"}, {"HOME": "/nowhere"}])
def test_a_user_id_without_an_entry_gets_a_home_and_a_name(stranger, place, variables):
    home = place / f"glioflow-home-{STRANGER}"
    for _ in range(2):  # every process of a run gets the same
        assert stranger(sys.executable, "-c", SAID, **variables) == (f"user-{STRANGER} {home}\n", "")
    assert home.stat().st_mode & 0o777 == 0o700


def test_it_can_look_for_a_python(stranger):
    told, refused = stranger(sys.executable, "-c", LOOK)
    assert (told, refused) == ("True\n", "")


def test_a_folder_that_somebody_else_has_put_there_is_not_taken(stranger, place):
    (place / f"glioflow-home-{STRANGER}").mkdir()  # root's
    told, _ = stranger(sys.executable, "-c", SAID)
    home = Path(told.split()[1])
    assert home.parent == place
    assert home.name != f"glioflow-home-{STRANGER}"


def test_dvc_and_git_work_for_it(stranger, place):
    project = copied(place / "project")
    commit(project)
    for folder in (project, project / ".dvc", project / ".git"):
        folder.chmod(0o775)  # as images for such clusters have it: all for group 0
    _, refused = stranger("glioflow", "models", cwd=project)
    assert "dubious ownership" in refused  # by Git, which says what to do
    assert refused.count("\n") == 1
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    told, refused = stranger("glioflow", "clean", cwd=project, **trusted)
    assert (told, refused) == ("nothing to remove\n", "")


def test_what_is_there_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "somebody")
    account.complete()
    assert (os.environ["HOME"], os.environ["USER"]) == (str(tmp_path), "somebody")


def test_a_root_that_is_read_only_is_enough(place, tmp_path):
    """But for the workspace and a folder for temporary files, as in a pod."""
    mounts = "; ".join(f"mount -t tmpfs -o ro none {folder}" for folder in ("/var", "/home"))
    command = ["unshare", "--map-root-user", "--mount", "sh", "-ec", f'{mounts}; exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here: unshare --mount fails")
    code = "from pipelines import account; account.complete(); from dvc.cli import main; print(main(['status']))"
    copied(tmp_path / "project")
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TMPDIR": str(place), "HOME": "/home"}
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        cwd=tmp_path / "project", env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["0"], done.stderr
