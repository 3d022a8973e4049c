"""infra/images.py: what it hands to a build, openly and as a secret; tests/images has it build."""

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
LAST = {"beam": "cpu"}  # what a target is made from, if not of what all share
# In a process of its own, because pip's settings are read once.
HANDED = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import images
folder = pathlib.Path(sys.argv[2])
flags = images.secrets(folder)
print(json.dumps([flags, (folder / "network").read_text()]))
"""


def handed(folder, **variables):
    """The flags of a build, and its secret `network`, where pip has these settings."""
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PIP_CONFIG_FILE": "/dev/null", **variables}
    command = [sys.executable, "-c", HANDED, ROOT / "infra", folder]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_sites_index_is_a_secret(tmp_path):
    flags, network = handed(tmp_path, PIP_INDEX_URL=INDEX, PIP_EXTRA_INDEX_URL=f"file:///srv/wheels {INDEX}2")
    assert f"export UV_DEFAULT_INDEX={INDEX}\n" in network
    assert f"export PIP_INDEX_URL={INDEX}\n" in network
    assert f"export UV_INDEX={INDEX}2\n" in network  # a build can't see this machine's folders
    assert "index.example.org" not in " ".join(flags)
    assert flags[1].startswith("id=network,src=")


def test_certificates_are_where_a_build_finds_them(tmp_path):
    (tmp_path / "bundle.pem").touch()
    flags, network = handed(tmp_path, PIP_CERT=str(tmp_path / "bundle.pem"))
    assert f"id=certificates,src={tmp_path / 'bundle.pem'}" in flags
    assert f"export SSL_CERT_FILE={images.CERTIFICATES}\n" in network
    assert "bundle.pem" not in network


def test_nothing_to_hand_over_is_no_error(tmp_path):
    flags, network = handed(tmp_path)
    assert "INDEX" not in network
    assert [word for word in flags if word.startswith("id=")] == [
        f"id=network,src={tmp_path / 'network'}",
        f"id=certificates,src={tmp_path / 'certificates'}",
    ]


def test_labels_tell_the_source_and_no_password(monkeypatch):
    for name, value in (
        ("COUNT", "1"),
        ("KEY_0", "remote.origin.url"),
        ("VALUE_0", "https://me:token@example.org/g.git"),
    ):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    labels = images.labels("infra/docker/Dockerfile", None)
    assert labels[::2] == ["--label"] * (len(labels) // 2)
    assert "org.opencontainers.image.source=https://example.org/g.git" in labels
    told = dict(label.removeprefix("org.opencontainers.image.").split("=", 1) for label in labels[1::2])
    assert told["version"] == images.version()
    assert told["base.name"].startswith("python:3.12.")
    assert told["base.digest"].startswith("sha256:")
    assert images.labels("infra/docker/Dockerfile", "localhost/mine")[-1].endswith("base.name=localhost/mine")


@pytest.mark.parametrize("name", images.IMAGES)
def test_what_is_built_comes_last_in_its_recipe(tmp_path, monkeypatch, name):
    """So that buildah gives it new labels although all of it is in its cache; tests/images builds one anew."""
    monkeypatch.setattr(images, "builder", lambda: ["buildah"])
    words = images.command(name, tmp_path)
    recipe = Path(words[words.index("--file") + 1]).read_text()
    _, whole, target = images.IMAGES[name]
    assert (ROOT / whole).read_text().startswith(recipe)
    last = re.findall(r"(?m)^FROM .*$", recipe)[-1]
    assert last == (f"FROM {LAST.get(target, 'common')} AS {target}" if target else "FROM base")


@pytest.mark.parametrize(
    ("words", "says"), [([], "needs buildah, or Docker with its engine running"), (["tpu"], "usage: make images")]
)
def test_what_is_missing_is_told_in_one_line(words, says):
    command = [sys.executable, ROOT / "infra" / "images.py", *words]
    done = subprocess.run(command, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"infra/images.py: {says}")
