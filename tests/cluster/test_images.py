"""The images' recipes: linted by hadolint, from the locks, with files that are there; none is built."""

from __future__ import annotations

import re

import pytest
from checking import complaints
from conftest import ROOT

FOLDER = ROOT / "infra" / "docker"
FILES = ("Dockerfile", "predict.Dockerfile")
GOOD = FOLDER / "Dockerfile"


def linted(*files):
    return complaints("hadolint", *files)


def test_hadolint_finds_nothing():
    assert linted(*(FOLDER / name for name in FILES)) == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [("git=1:2.*", "git", "DL3008"), ("uv==0.13.9", "uv", "DL3013"), (":3.12.11-slim-trixie", ":latest", "DL3007")],
)
def test_hadolint_would_find_what_is_not_pinned(tmp_path, right, wrong, rule):
    (tmp_path / "Dockerfile").write_text(GOOD.read_text().replace(right, wrong))
    assert any(rule in line for line in linted(tmp_path / "Dockerfile"))


def copied(text):
    """What a recipe takes from the project's folder."""
    lines = [line for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return [source for line in lines for source in line.split()[1:-1]]


def kept():
    """What .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_is_there_and_not_ignored(name):
    sources = copied((FOLDER / name).read_text())
    assert sources
    assert [source for source in sources if not (ROOT / source).exists() or source not in kept()] == []


def test_images_get_nothing_that_no_recipe_names():
    wanted = {source for name in FILES for source in copied((FOLDER / name).read_text())}
    assert set(kept()) == wanted


def pins(path, *, python="3.12"):
    """Package to version of a lock, as that Python takes it."""
    found = {}
    for line in path.read_text().splitlines():
        match = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)(.*)", line)
        if match and not re.search(r"python_full_version (< '3.1[12]|== '3.11|>= '3.13)", match[3]):
            found[match[1]] = match[2]
    return found


def test_the_images_lock_is_the_projects_without_what_only_tests_need():
    ours, image = pins(ROOT / "requirements.lock"), pins(FOLDER / "requirements.lock")
    assert {name: version for name, version in image.items() if ours.get(name) != version} == {}
    assert {"tfx", "tensorflow-cpu", "dvc", "gcsfs"} <= set(image)
    assert {"deptry", "jax", "mypy", "playwright", "pytest", "ruff"} <= set(ours) - set(image)


def test_the_small_images_lock_is_a_part_of_the_projects():
    ours, small = pins(ROOT / "requirements.lock"), pins(ROOT / "infra" / "predict" / "requirements.lock")
    assert {name: version for name, version in small.items() if ours.get(name) != version} == {}
    assert {"ai-edge-litert", "highdicom", "numpy", "pydicom", "starlette", "uvicorn"} <= set(small)
    assert not {"apache-beam", "dvc", "gcsfs", "keras", "pytest", "scikit-learn", "tensorflow-cpu", "tfx"} & set(small)
    assert len(small) < 45


def test_the_image_for_gpus_changes_no_package_but_tensorflow():
    ours, gpu = pins(FOLDER / "requirements.lock"), pins(FOLDER / "gpu.lock")
    assert {name: (ours[name], gpu[name]) for name in set(ours) & set(gpu) if ours[name] != gpu[name]} == {}
    assert gpu["tensorflow"] == ours["tensorflow-cpu"]
    rest = set(gpu) - set(ours) - {"tensorflow"}
    assert {name for name in rest if not name.startswith("nvidia-")} == set()


def test_beams_launcher_is_that_of_the_locked_beam():
    (version,) = re.findall(r"beam_python3\.12_sdk:(\S+)", GOOD.read_text())
    assert version == pins(FOLDER / "requirements.lock")["apache-beam"]
