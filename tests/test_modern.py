"""infra/modern.py reports what is missing, and leaves no process, mount or unfinished root behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import ROOT

from pipelines import stack

MODERN = [sys.executable, str(ROOT / "infra" / "modern.py")]
NATIVE = (stack.glibc() or (0, 0)) >= stack.MODERN_GLIBC
sys.path.insert(0, str(ROOT / "infra"))

import debian  # noqa: E402
import modern  # noqa: E402

without_modern_glibc = pytest.mark.skipif(
    NATIVE, reason="the machine's own C library carries the modern stack: no root is made"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may drop a right")


def run_modern(*arguments, **environment):
    """Run infra/modern.py; return its exit status and the lines on standard error."""
    run = subprocess.run(
        [*MODERN, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stderr.splitlines()


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "--"], ["other"]])
def test_wrong_arguments_print_the_usage_in_one_line(arguments):
    assert run_modern(*arguments) == (2, [f"infra/modern.py: {modern.USAGE}"])


@without_modern_glibc
@as_root
def test_missing_root_rights_are_reported():
    code = "import os, sys; sys.path.insert(0, 'infra'); import modern; os.seteuid(65534); print(modern.missing())"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("needs root, to mount and to chroot; ")


@without_modern_glibc
@as_root
def test_a_missing_right_to_mount_is_reported_by_name():
    if not shutil.which("setpriv"):
        pytest.skip("no right can be dropped here: no setpriv")
    command = ["setpriv", "--inh-caps=-sys_admin", "--bounding-set=-sys_admin", *MODERN, "check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith("infra/modern.py: can't create a mount namespace here; allow CAP_SYS_ADMIN")


@without_modern_glibc
@as_root
def test_a_missing_program_is_reported_with_its_package(tmp_path):
    nothing = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert run_modern("check", **nothing) == (2, ["infra/modern.py: needs unshare; apt-get install util-linux"])
    if modern.missing():
        pytest.skip(modern.missing())
    for name in ("unshare", "true"):
        (tmp_path / name).symlink_to(shutil.which(name))
    status, (line,) = run_modern("check", **nothing)
    assert status == 2
    assert line.endswith("needs debootstrap for a Debian 13 root; apt-get install debootstrap")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "sources.list",
            "# deb http://commented/debian bookworm main\ndeb [arch=amd64] http://near/debian bookworm main\n",
        ),
        (
            "sources.list.d/debian.sources",
            "Types: deb\nURIs: http://off/debian\nSuites: bookworm\nEnabled: no\n\n"
            "Types: deb deb-src\nURIs: http://near/debian\nSuites: bookworm bookworm-updates\nComponents: main\n",
        ),
    ],
)
def test_the_machines_own_mirror_is_used(tmp_path, name, text):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nVERSION_CODENAME="bookworm"\n', encoding="utf-8")
    assert debian.mirror(str(tmp_path), str(release)) == "http://near/debian"
    release.write_text("ID=ubuntu\nVERSION_CODENAME=noble\n", encoding="utf-8")
    assert debian.mirror(str(tmp_path), str(release)) is None


@pytest.fixture
def debootstrap(tmp_path):
    """A script that takes the place of debootstrap, and the environment of a machine without a cached root."""
    if NATIVE or modern.missing():
        pytest.skip(modern.missing() or "the machine's own C library carries the modern stack: no root is made")
    script = tmp_path / "bin" / "debootstrap"
    script.parent.mkdir()
    script.touch(0o755)
    return script, {"PATH": f"{script.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_failed_root_is_reported_with_the_reason_and_not_kept(debootstrap, tmp_path):
    script, machine = debootstrap
    script.write_text('#!/bin/sh\nmkdir -p "$4/usr"\necho "E: no such mirror" >&2\nexit 1\n')
    assert run_modern("run", "--", "true", **machine) == (1, ["infra/modern.py: debootstrap --variant=minbase "
        f"--include={','.join(debian.PACKAGES)} failed: E: no such mirror"])  # fmt: skip
    assert list((tmp_path / "cache" / "glioflow").iterdir()) == []


def test_a_root_interrupted_by_sigterm_is_not_kept(debootstrap, tmp_path):
    script, machine = debootstrap
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    script.write_text(f"#!/bin/sh\necho begun > {begun}\nexec sleep 1000\n")
    with subprocess.Popen(
        [*MODERN, "run", "--", "true"], env=os.environ | machine, stdout=subprocess.DEVNULL
    ) as debootstrap:
        assert begun.read_text() == "begun\n"
        (asleep,) = psutil.Process(debootstrap.pid).children(recursive=True)
        debootstrap.terminate()
    assert debootstrap.returncode == 143
    assert psutil.wait_procs([asleep], timeout=60)[1] == []
    assert list((tmp_path / "cache" / "glioflow").iterdir()) == []


@pytest.fixture(scope="module")
def ready():
    """Skip the test if the modern stack is not set up, which takes minutes and gigabytes."""
    if NATIVE or modern.missing():
        pytest.skip(modern.missing() or "the machine's own C library carries the modern stack: no root is made")
    if not debian.cache().is_dir() or not (ROOT / ".venv-modern" / "lock.sha256").exists():
        pytest.skip("the modern stack is not set up here: make test-modern")


def mounts():
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def test_a_command_runs_in_debian_13_with_access_to_its_folder(ready, tmp_path):
    before = mounts()
    script = ". /etc/os-release; echo $VERSION_CODENAME > here; echo > /tmp/elsewhere; getent hosts localhost; exit 7"
    run = subprocess.run([*MODERN, "run", "--", "sh", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert run.returncode == 7
    assert b"localhost" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert (tmp_path / "here").read_text() == "trixie\n"
    assert not Path("/tmp/elsewhere").exists()
    assert mounts() == before
    assert list((debian.cache().parent / "view").iterdir()) == []


def test_temporary_files_lie_on_the_disk_and_are_removed(ready, tmp_path):
    """In memory, a night of tests would not fit."""
    run = subprocess.run(
        [*MODERN, "run", "--", "sh", "-c", "echo > /tmp/x; stat --format %d /tmp"],
        env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(run.stdout.split()[-1]) == tmp_path.stat().st_dev
    assert list(tmp_path.iterdir()) == []


def test_the_root_is_read_only(ready):
    run = subprocess.run(
        [*MODERN, "run", "--", "touch", "/usr/x", "/etc/x"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.count("Read-only file system") == 2


@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_however_a_command_ends_no_process_or_mount_is_left(ready, tmp_path, end, status):
    before = mounts()
    command = [*MODERN, "run", "--", "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo started; wait"]
    temporary = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=temporary, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "started\n"
        descendants = psutil.Process(run.pid).children(recursive=True)
        assert len(descendants) >= 2
        run.send_signal(end)
    assert run.returncode == status
    assert psutil.wait_procs(descendants, timeout=60)[1] == []
    assert mounts() == before
    assert list((debian.cache().parent / "view").iterdir()) == []
    assert len(list(tmp_path.iterdir())) == (end == signal.SIGKILL)
