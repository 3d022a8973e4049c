"""The images, built once a session by what `make images` runs, on a base that debootstrap makes."""

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
from engine import BASE, PLACE, buildah, environment, missing

TAG = "tested"
CALLED = {"cpu": "localhost/glioflow", "predict": "localhost/glioflow-predict"}


def said(*words):
    """Print a line at once, even where output is kept back."""
    print(*words, file=sys.__stdout__, flush=True)


def skip_if_the_run_has_to_end(config):
    """Leave all of it out where a run has a time limit: a build takes longer than any other test may."""
    if config.option.until:
        pytest.skip("left out: building images takes too long for a run that has to end; make test-images")


@functools.cache
def base():
    """Name of an image like the usual base, made here; skips the test where that can't be."""
    reason = missing()
    if reason:
        pytest.skip(f"no images can be built here: {reason}")
    if not buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        began = time.monotonic()
        made = subprocess.run([sys.executable, ROOT / "infra" / "base_image.py", BASE], env=environment())
        assert made.returncode == 0
        said(f"base: made in {time.monotonic() - began:.0f} s")
    return BASE


def build(name, *, project=ROOT, tag=TAG):
    """Build an image of a project; returns its name. What the build says is in the log beside the storage."""
    began, log = time.monotonic(), PLACE / f"{name}-{tag}.log"
    line = [sys.executable, project / "infra" / "images.py", name]
    variables = environment(BASE=base(), TAG=tag)
    with log.open("w") as out:
        done = subprocess.run(line, env=variables, stdout=out, stderr=subprocess.STDOUT)
    assert done.returncode == 0, log.read_text()[-8000:]
    said(f"{CALLED[name]}:{tag}: built in {time.monotonic() - began:.0f} s")
    return f"{CALLED[name]}:{tag}"


@functools.cache
def image(name):
    """Name of an image of this project."""
    return build(name)


class Registry:
    """A folder that images are pushed into, compressed as for a registry."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @functools.cache  # noqa: B019  (there is one, and it lives as long as the session)
    def push(self, pushed):
        """Push an image; returns its layers, lowest first: digest to size in bytes and what made it."""
        name = pushed.rpartition("/")[2].replace(":", "-")
        buildah("push", "--quiet", pushed, f"oci:{self.folder}:{name}")
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
    """The folder of this session."""
    holder = tempfile.TemporaryDirectory(prefix="pushed-", dir=PLACE)
    made = Registry(holder.name)
    made.holder = holder  # gone with the session
    return made


def megabytes(layers):
    """Size of layers, compressed."""
    return sum(size for size, _ in layers.values()) / 1e6
