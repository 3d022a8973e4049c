"""Builds the images once a session with what `make images` runs, on a base image made by debootstrap."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import ROOT
from engine import BASE, FOLDER, buildah, environment, missing

TAG = "tested"
IMAGE_NAMES = {"cpu": "localhost/glioflow", "predict": "localhost/glioflow-predict"}


def print_now(*words):
    """Print a line at once, even if pytest captures output."""
    print(*words, file=sys.__stdout__, flush=True)


def skip_if_the_run_has_to_end(config):
    """Skip all of this if the run has a time limit: a build takes longer than any other test may."""
    if config.option.until:
        pytest.skip("left out: building images takes too long for a run that has to end; make test-images")


@functools.cache
def base():
    """Make an image like the usual base and return its name; skip the test if that is impossible here."""
    reason = missing()
    if reason:
        pytest.skip(f"no images can be built here: {reason}")
    if not buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        began = time.monotonic()
        result = subprocess.run([sys.executable, ROOT / "infra" / "base_image.py", BASE], env=environment())
        assert result.returncode == 0
        print_now(f"base: made in {time.monotonic() - began:.0f} s")
    return BASE


def build(name, *, project=ROOT, tag=TAG):
    """Build an image of a project and return its name; the build's output goes to a log next to the storage."""
    began, log = time.monotonic(), FOLDER / f"{name}-{tag}.log"
    line = [sys.executable, project / "infra" / "images.py", name]
    variables = environment(BASE=base(), TAG=tag)
    with log.open("w") as out:
        process = subprocess.run(line, env=variables, stdout=out, stderr=subprocess.STDOUT)
    assert process.returncode == 0, log.read_text()[-8000:]
    print_now(f"{IMAGE_NAMES[name]}:{tag}: built in {time.monotonic() - began:.0f} s")
    return f"{IMAGE_NAMES[name]}:{tag}"


@functools.cache
def image(name):
    """Build an image of this project and return its name."""
    return build(name)


class Registry:
    """A folder that images are pushed into, compressed as for a registry."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @functools.cache  # noqa: B019  (the only instance lives as long as the session)
    def push(self, image_name):
        """Push an image; return its layers, lowest first: digest to size in bytes and the step that made it."""
        name = image_name.rpartition("/")[2].replace(":", "-")
        buildah("push", "--quiet", image_name, f"oci:{self.folder}:{name}")
        index = json.loads((self.folder / "index.json").read_text())["manifests"]
        (found,) = (each for each in index if each["annotations"]["org.opencontainers.image.ref.name"] == name)
        manifest = self._blob(found["digest"])
        steps = [step for step in self._blob(manifest["config"]["digest"])["history"] if not step.get("empty_layer")]
        return {
            layer["digest"]: (layer["size"], " ".join(step.get("created_by", "").split()))
            for layer, step in zip(manifest["layers"], steps, strict=True)
        }

    def _blob(self, digest):
        return json.loads((self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text())


@functools.cache
def registry():
    """Return the session's folder for pushed images."""
    holder = tempfile.TemporaryDirectory(prefix="pushed-", dir=FOLDER)
    result = Registry(holder.name)
    result.holder = holder  # deleted at the end of the session
    return result


def megabytes(layers):
    """Return the compressed size of layers."""
    return sum(size for size, _ in layers.values()) / 1e6
