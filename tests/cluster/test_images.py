"""The images' recipes: linted by hadolint, from the locks, with files that are there; tests/images builds them."""

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
    [
        ("git=1:2.*", "git", "DL3008"),
        ("beam_python3.12_sdk:2.77.0", "beam_python3.12_sdk:latest", "DL3007"),
    ],
)
def test_hadolint_would_find_what_is_not_pinned(tmp_path, right, wrong, rule):
    assert right in GOOD.read_text()
    (tmp_path / "Dockerfile").write_text(GOOD.read_text().replace(right, wrong))
    assert any(rule in line for line in linted(tmp_path / "Dockerfile"))


def copied(text):
    """What a recipe takes from the project's folder."""
    lines = [line for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return [source for line in lines for source in line.split()[1:-1] if not source.startswith("--")]


def kept():
    """What .dockerignore lets through: a list of that, after a line that lets nothing through."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert [line for line in lines[1:] if not line.startswith(("!", "**/"))] == []
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


def test_both_recipes_begin_with_the_same_bytes():
    bases = {re.findall(r"(?m)^ARG BASE=(.*)$", (FOLDER / name).read_text())[0] for name in FILES}
    (base,) = bases
    assert re.fullmatch(r"python:3\.12\.\d+-slim-trixie@sha256:[0-9a-f]{64}", base)


def test_packages_come_by_hash_or_not_at_all():
    texts = [(FOLDER / name).read_text() for name in (*FILES, "environment.sh")]
    installs = [line for text in texts for line in text.splitlines() if re.search(r"pip (install|sync|wheel)", line)]
    assert len(installs) == 5
    assert [line for line in installs if "--require-hashes" not in line] == []
    for lock in (
        FOLDER / "requirements.lock",
        FOLDER / "gpu.lock",
        FOLDER / "tools.lock",
        *ROOT.glob("infra/predict/*"),
    ):
        entries = re.split(r"(?m)^(?=[\w.-]+(?:\[[\w,-]+\])?==)", lock.read_text())[1:]
        assert entries
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_what_builds_packages_is_what_they_are_used_with():
    ours, tools = pins(FOLDER / "requirements.lock"), pins(FOLDER / "tools.lock")
    assert {"cyclonedx-bom", "setuptools", "uv", "wheel"} <= set(tools)
    assert {name: version for name, version in tools.items() if ours.get(name, version) != version} == {}


def test_layers_go_from_what_changes_least_to_what_changes_most():
    for name in FILES:
        *_, last = re.split(r"(?m)^(?=FROM )", (FOLDER / name).read_text().partition("FROM common AS gpu")[0])
        copies = re.findall(r"(?m)^COPY --from=(\w+)", last)
        assert copies == ["environment", "reference", "project"]
