"""Containers of the images work as clusters run them: any user, a read-only root, signals and probes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time

import built_images
import pytest
from conftest import ROOT
from engine import podman, run_in_container
from servers import ask, poll_ready, serving, stop_container

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

RESTRICTED = ["--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
SERVER_FLAGS = [*RESTRICTED, "--mount", "type=tmpfs,destination=/tmp"]
PACKAGES = "/opt/venv/lib/python3.12/site-packages"


@pytest.fixture(scope="module", autouse=True)
def enough_time(pytestconfig):
    built_images.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module")
def workflow_image():
    return built_images.image("cpu")


@pytest.fixture(scope="module")
def predict_image():
    return built_images.image("predict")


@pytest.mark.parametrize("user", ["1000", "1000660000:0", "4242:4242"])
def test_doctor_passes_for_any_user(workflow_image, predict_image, user):
    """The root is read-only and only one folder writable, as in a strict cluster."""
    flags = [*RESTRICTED, "--user", user, "--mount", "type=tmpfs,destination=/tmp,tmpfs-mode=1777"]
    for image, words in ((workflow_image, ["glioflow", "doctor"]), (predict_image, ["doctor"])):
        result = run_in_container(image, *words, flags=flags)
        assert (result.returncode, result.stderr) == (0, ""), result
        assert "make " not in result.stdout


@pytest.mark.parametrize(
    ("damage", "missing_part"),
    [
        (f"rm -r {PACKAGES}/tensorflow", "tensorflow-cpu"),
        (f"rm -r {PACKAGES}/dvc-*.dist-info", "dvc"),
        ("rm /usr/bin/git", "the program git"),
    ],
)
def test_doctor_reports_a_damaged_image(workflow_image, damage, missing_part):
    result = run_in_container(workflow_image, "sh", "-ec", f"{damage}; glioflow doctor", flags=["--user", "0"])
    assert result.returncode == 2
    assert result.stderr == (
        f"glioflow: this installation lacks {missing_part}; this image is damaged: pull it again, or rebuild it\n"
    )
    assert "make " not in result.stdout


@pytest.mark.parametrize("user", ["1000", "1000660000:0", "4242:4242"])
def test_any_user_can_write_to_the_workspace(workflow_image, predict_image, user):
    for image in (workflow_image, predict_image):
        result = run_in_container(image, "-ec", "touch here; ls", flags=["--user", user, "--entrypoint", "sh"])
        assert (result.returncode, result.stdout, result.stderr) == (0, "here\n", "")


def test_dvc_works_with_a_read_only_root(workflow_image, tmp_path):
    """Only the workspace is writable, and HOME and TMPDIR are in it, as in a pod."""
    flags = [*RESTRICTED, "--user", "1000", "--env", "HOME=/workspace", "--env", "TMPDIR=/workspace"]
    tmp_path.chmod(0o777)
    plain = "DVC_SITE_CACHE_DIR=/workspace/dvc dvc init -q"  # plain DVC needs this variable, `glioflow` does not
    line = f"git init -q project; cd project; {plain}; cp /opt/glioflow/*.yaml .; glioflow clean"
    result = run_in_container(workflow_image, "sh", "-ec", line, flags=[*flags, "--volume", f"{tmp_path}:/workspace"])
    assert "Read-only file system" not in result.stderr, result
    assert "Traceback" not in result.stderr
    assert result.stdout.endswith("nothing to remove\n"), result


def serve_model(image, model):
    """Start a server of a model with the image's own CMD, except for address and port."""
    words = ["serve", "--model", "/model", "--host", "127.0.0.1"]
    return serving(image, *words, flags=[*SERVER_FLAGS, "--volume", f"{model}:/model:ro"])


@pytest.fixture
def model(tmp_path):
    shutil.copytree(ROOT / "reference", tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def slow_file(model):
    """A pipe in place of one of the model's files, so that the server loads it until the test has written the data."""
    file = model / "assets.extra" / "classifier.tflite"
    data = file.read_bytes()
    file.unlink()
    subprocess.run(["mkfifo", "-m", "644", file], check=True)
    return file, data


def test_a_loading_server_is_live_but_not_ready(predict_image, model, slow_file):
    file, data = slow_file
    with serve_model(predict_image, model) as (_, _, address), file.open("wb") as pipe:
        assert ask(f"{address}/v2/health/live") == (200, {"live": True})
        assert ask(f"{address}/v2/health/ready") == (503, {"ready": False})
        pipe.write(data)
        pipe.close()
        assert poll_ready(address) == (200, {"ready": True})


@pytest.mark.parametrize("moment", ["at once", "while it loads", "while it serves"])
def test_a_server_stops_within_the_grace_period(predict_image, model, slow_file, moment):
    file, data = slow_file
    with serve_model(predict_image, model) as (process, name, address):
        if moment == "at once":
            while name not in podman("ps", "--format", "{{.Names}}"):
                pass
        else:
            with file.open("wb") as pipe:
                assert ask(f"{address}/v2/health/live")[0] == 200
                pipe.write(data if moment == "while it serves" else b"")
                if moment == "while it loads":
                    began = stop_container(name)
                    process.wait()
        if moment == "while it serves":
            poll_ready(address)
        if moment != "while it loads":
            began = stop_container(name)
        status = process.wait()
        built_images.print_now(f"server, told to end {moment}: status {status} after {time.monotonic() - began:.2f} s")
        assert status in (0, 128 + signal.SIGTERM)  # 137 would mean SIGKILL after the grace period


def empty_folder(folder):
    folder.mkdir()


def unreadable_folder(folder):
    shutil.copytree(ROOT / "reference", folder)
    folder.chmod(0o700)


def file_instead_of_folder(folder):
    folder.write_text("no model\n")


def unreadable_subfolder(folder):
    shutil.copytree(ROOT / "reference", folder)
    (folder / "assets.extra").chmod(0o700)


def unreadable_network(folder):
    shutil.copytree(ROOT / "reference", folder)
    (folder / "assets.extra" / "segmenter.tflite").chmod(0o600)


WRONG_MOUNTS = [empty_folder, unreadable_folder, file_instead_of_folder, unreadable_subfolder, unreadable_network]


@pytest.mark.parametrize("make_mount", WRONG_MOUNTS, ids=lambda make_mount: make_mount.__name__)
def test_a_wrong_mount_is_reported_in_one_line(predict_image, tmp_path, make_mount):
    make_mount(tmp_path / "model")
    # With the image's own CMD.
    result = run_in_container(predict_image, flags=["--volume", f"{tmp_path / 'model'}:/model:ro"])
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("glioflow: /model")
    built_images.print_now(line)
