"""infra/images.py passes the right flags, labels and secrets to a build; tests/images runs real builds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "infra"))

import images

INDEX = "https://user:password@index.example.org/simple"
BASE_STAGES = {"beam": "cpu"}  # the stage that a target is based on, if not `common`
# In a process of its own, because pip's settings are read once.
PRINT_SECRETS = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import images
folder = pathlib.Path(sys.argv[2])
flags = images.secrets(folder)
print(json.dumps([flags, (folder / "network").read_text()]))
"""


def flags_and_secret(folder, **variables):
    """Return the flags of a build and its secret `network`, with these settings of pip."""
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PIP_CONFIG_FILE": "/dev/null", **variables}
    command = [sys.executable, "-c", PRINT_SECRETS, ROOT / "infra", folder]
    result = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_a_sites_package_index_is_passed_as_a_secret(tmp_path):
    flags, network = flags_and_secret(tmp_path, PIP_INDEX_URL=INDEX, PIP_EXTRA_INDEX_URL=f"file:///srv/wheels {INDEX}2")
    assert f"export UV_DEFAULT_INDEX={INDEX}\n" in network
    assert f"export PIP_INDEX_URL={INDEX}\n" in network
    assert f"export UV_INDEX={INDEX}2\n" in network  # a build can't see this machine's folders
    assert "index.example.org" not in " ".join(flags)
    assert flags[1].startswith("id=network,src=")


def test_certificates_are_mounted_where_a_build_finds_them(tmp_path):
    (tmp_path / "bundle.pem").touch()
    flags, network = flags_and_secret(tmp_path, PIP_CERT=str(tmp_path / "bundle.pem"))
    assert f"id=certificates,src={tmp_path / 'bundle.pem'}" in flags
    assert f"export SSL_CERT_FILE={images.CERTIFICATES}\n" in network
    assert "bundle.pem" not in network


def test_without_pip_settings_the_secrets_hold_no_index(tmp_path):
    flags, network = flags_and_secret(tmp_path)
    assert "INDEX" not in network
    assert [word for word in flags if word.startswith("id=")] == [
        f"id=network,src={tmp_path / 'network'}",
        f"id=certificates,src={tmp_path / 'certificates'}",
    ]


def test_labels_name_the_source_without_a_password(monkeypatch):
    for name, value in (
        ("COUNT", "1"),
        ("KEY_0", "remote.origin.url"),
        ("VALUE_0", "https://me:token@example.org/g.git"),
    ):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    labels = images.labels("infra/docker/Dockerfile", None)
    assert labels[::2] == ["--label"] * (len(labels) // 2)
    assert "org.opencontainers.image.source=https://example.org/g.git" in labels
    label_values = dict(label.removeprefix("org.opencontainers.image.").split("=", 1) for label in labels[1::2])
    assert label_values["version"] == images.version()
    assert label_values["base.name"].startswith("python:3.12.")
    assert label_values["base.digest"].startswith("sha256:")
    assert images.labels("infra/docker/Dockerfile", "localhost/mine")[-1].endswith("base.name=localhost/mine")


@pytest.mark.parametrize("name", images.IMAGES)
def test_the_target_of_a_build_is_last_in_its_recipe(tmp_path, monkeypatch, name):
    """So buildah gives it new labels even if everything is in its cache; tests/images builds an image again."""
    monkeypatch.setattr(images, "builder", lambda: ["buildah"])
    words = images.command(name, tmp_path)
    recipe = Path(words[words.index("--file") + 1]).read_text()
    _, full_recipe, target = images.IMAGES[name]
    assert (ROOT / full_recipe).read_text().startswith(recipe)
    last = re.findall(r"(?m)^FROM .*$", recipe)[-1]
    assert last == (f"FROM {BASE_STAGES.get(target, 'common')} AS {target}" if target else "FROM base")


@pytest.mark.parametrize(
    ("words", "message"), [([], "needs buildah, or Docker with its engine running"), (["tpu"], "usage: make images")]
)
def test_a_missing_builder_or_unknown_image_is_reported_in_one_line(words, message):
    command = [sys.executable, ROOT / "infra" / "images.py", *words]
    result = subprocess.run(command, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"infra/images.py: {message}")
