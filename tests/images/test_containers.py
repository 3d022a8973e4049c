"""Containers of the images, run as clusters run them: any user, a read-only root, signals, probes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time

import built
import pytest
from conftest import ROOT
from engine import podman, ran
from servers import answered, ready, serving, stopped

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

NARROW = ["--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
SERVER = [*NARROW, "--mount", "type=tmpfs,destination=/tmp"]
PACKAGES = "/opt/venv/lib/python3.12/site-packages"


@pytest.fixture(scope="module", autouse=True)
def time_for_it(pytestconfig):
    built.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module")
def workflow():
    return built.image("cpu")


@pytest.fixture(scope="module")
def small():
    return built.image("predict")


@pytest.mark.parametrize("user", ["1000", "1000660000:0", "4242:4242"])
def test_doctor_is_content_whoever_asks(workflow, small, user):
    """With the root read-only, and one folder to write to, as a strict cluster has it."""
    flags = [*NARROW, "--user", user, "--mount", "type=tmpfs,destination=/tmp,tmpfs-mode=1777"]
    for image, words in ((workflow, ["glioflow", "doctor"]), (small, ["doctor"])):
        done = ran(image, *words, flags=flags)
        assert (done.returncode, done.stderr) == (0, ""), done
        assert "make " not in done.stdout


@pytest.mark.parametrize(
    ("harm", "lacks"),
    [
        (f"rm -r {PACKAGES}/tensorflow", "tensorflow-cpu"),
        (f"rm -r {PACKAGES}/dvc-*.dist-info", "dvc"),
        ("rm /usr/bin/git", "the program git"),
    ],
)
def test_doctor_of_a_damaged_image_is_not(workflow, harm, lacks):
    done = ran(workflow, "sh", "-ec", f"{harm}; glioflow doctor", flags=["--user", "0"])
    assert done.returncode == 2
    assert done.stderr == (
        f"glioflow: this installation lacks {lacks}; this image is damaged: pull it again, or rebuild it\n"
    )
    assert "make " not in done.stdout


@pytest.mark.parametrize("user", ["1000", "1000660000:0", "4242:4242"])
def test_anybody_may_write_to_the_workspace(workflow, small, user):
    for image in (workflow, small):
        done = ran(image, "-ec", "touch here; ls", flags=["--user", user, "--entrypoint", "sh"])
        assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


def test_a_read_only_root_leaves_dvc_a_place(workflow, tmp_path):
    """In a workspace alone, as a pod has it: HOME and TMPDIR are there, too."""
    flags = [*NARROW, "--user", "1000", "--env", "HOME=/workspace", "--env", "TMPDIR=/workspace"]
    tmp_path.chmod(0o777)
    plain = "DVC_SITE_CACHE_DIR=/workspace/dvc dvc init -q"  # which has to be told where; `glioflow` has not
    line = f"git init -q project; cd project; {plain}; cp /opt/glioflow/*.yaml .; glioflow clean"
    done = ran(workflow, "sh", "-ec", line, flags=[*flags, "--volume", f"{tmp_path}:/workspace"])
    assert "Read-only file system" not in done.stderr, done
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith("nothing to remove\n"), done


def serving_it(image, model):
    """A server of a model, by the image's own CMD but for address and port."""
    words = ["serve", "--model", "/model", "--host", "127.0.0.1"]
    return serving(image, *words, flags=[*SERVER, "--volume", f"{model}:/model:ro"])


@pytest.fixture
def model(tmp_path):
    shutil.copytree(ROOT / "reference", tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def slow(model):
    """A model of which a file takes as long to read as somebody takes to write it."""
    file = model / "assets.extra" / "classifier.tflite"
    data = file.read_bytes()
    file.unlink()
    subprocess.run(["mkfifo", "-m", "644", file], check=True)
    return file, data


def test_probes_of_a_server_that_loads(small, model, slow):
    file, data = slow
    with serving_it(small, model) as (_, _, address), file.open("wb") as pipe:
        assert answered(f"{address}/v2/health/live") == (200, {"live": True})
        assert answered(f"{address}/v2/health/ready") == (503, {"ready": False})
        pipe.write(data)
        pipe.close()
        assert ready(address) == (200, {"ready": True})


@pytest.mark.parametrize("after", ["at once", "while it loads", "while it serves"])
def test_a_server_ends_when_it_is_told_to(small, model, slow, after):
    file, data = slow
    with serving_it(small, model) as (process, name, address):
        if after == "at once":
            while name not in podman("ps", "--format", "{{.Names}}"):
                pass
        else:
            with file.open("wb") as pipe:
                assert answered(f"{address}/v2/health/live")[0] == 200
                pipe.write(data if after == "while it serves" else b"")
                if after == "while it loads":
                    began = stopped(name)
                    process.wait()
        if after == "while it serves":
            ready(address)
        if after != "while it loads":
            began = stopped(name)
        status = process.wait()
        built.said(f"server, told to end {after}: status {status} after {time.monotonic() - began:.2f} s")
        assert status in (0, 128 + signal.SIGTERM)  # 137 would be the end of the grace period


def nothing(folder):
    folder.mkdir()


def unreadable(folder):
    shutil.copytree(ROOT / "reference", folder)
    folder.chmod(0o700)


def a_file(folder):
    folder.write_text("no model\n")


def unreadable_inside(folder):
    shutil.copytree(ROOT / "reference", folder)
    (folder / "assets.extra").chmod(0o700)


def a_network_nobody_may_read(folder):
    shutil.copytree(ROOT / "reference", folder)
    (folder / "assets.extra" / "segmenter.tflite").chmod(0o600)


WRONG = [nothing, unreadable, a_file, unreadable_inside, a_network_nobody_may_read]


@pytest.mark.parametrize("mount", WRONG, ids=lambda mount: mount.__name__)
def test_a_wrong_mount_is_told_in_one_line(small, tmp_path, mount):
    mount(tmp_path / "model")
    done = ran(small, flags=["--volume", f"{tmp_path / 'model'}:/model:ro"])  # as the image does by itself
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("glioflow: /model")
    built.said(line)
