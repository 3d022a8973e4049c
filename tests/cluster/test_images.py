"""The images' recipes pass hadolint, install from the locks and copy existing files; tests/images builds them."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT
from validators import complaints

FOLDER = ROOT / "infra" / "docker"
FILES = ("Dockerfile", "predict.Dockerfile")
MAIN_RECIPE = FOLDER / "Dockerfile"


def run_hadolint(*files):
    return complaints("hadolint", *files)


def test_hadolint_finds_nothing():
    assert run_hadolint(*(FOLDER / name for name in FILES)) == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("git=1:2.*", "git", "DL3008"),
        ("beam_python3.12_sdk:2.77.0", "beam_python3.12_sdk:latest", "DL3007"),
    ],
)
def test_hadolint_finds_unpinned_versions(tmp_path, right, wrong, rule):
    assert right in MAIN_RECIPE.read_text()
    (tmp_path / "Dockerfile").write_text(MAIN_RECIPE.read_text().replace(right, wrong))
    assert any(rule in line for line in run_hadolint(tmp_path / "Dockerfile"))


def copied_sources(text):
    """Return the sources that a recipe copies from the project's folder."""
    lines = [line for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return [source for line in lines for source in line.split()[1:-1] if not source.startswith("--")]


def not_ignored():
    """Return what .dockerignore lets through: after a first line that ignores everything, it lists exceptions."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert [line for line in lines[1:] if not line.startswith(("!", "**/"))] == []
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


@pytest.mark.parametrize("name", FILES)
def test_copied_files_exist_and_are_not_ignored(name):
    sources = copied_sources((FOLDER / name).read_text())
    assert sources
    assert [source for source in sources if not (ROOT / source).exists() or source not in not_ignored()] == []


def test_builds_see_only_the_files_that_recipes_copy():
    wanted = {source for name in FILES for source in copied_sources((FOLDER / name).read_text())}
    assert set(not_ignored()) == wanted


def locked_versions(path):
    """Return the locked version of each package, for Python 3.12."""
    found = {}
    for line in path.read_text().splitlines():
        match = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)(.*)", line)
        if match and not re.search(r"python_full_version (< '3.1[12]|== '3.11|>= '3.13)", match[3]):
            found[match[1]] = match[2]
    return found


def test_the_images_lock_is_the_projects_lock_without_test_packages():
    reference, image = locked_versions(ROOT / "requirements.lock"), locked_versions(FOLDER / "requirements.lock")
    assert {name: version for name, version in image.items() if reference.get(name) != version} == {}
    assert {"tfx", "tensorflow-cpu", "dvc", "gcsfs"} <= set(image)
    assert {"deptry", "jax", "mypy", "playwright", "pytest", "ruff"} <= set(reference) - set(image)


def test_the_small_images_lock_is_part_of_the_projects_lock():
    reference, small = (
        locked_versions(ROOT / "requirements.lock"),
        locked_versions(ROOT / "infra" / "predict" / "requirements.lock"),
    )
    assert {name: version for name, version in small.items() if reference.get(name) != version} == {}
    assert {"ai-edge-litert", "highdicom", "numpy", "pydicom", "starlette", "uvicorn"} <= set(small)
    assert not {"apache-beam", "dvc", "gcsfs", "keras", "pytest", "scikit-learn", "tensorflow-cpu", "tfx"} & set(small)
    assert len(small) < 45


def test_the_gpu_image_changes_only_the_tensorflow_package():
    reference, gpu = locked_versions(FOLDER / "requirements.lock"), locked_versions(FOLDER / "gpu.lock")
    assert {
        name: (reference[name], gpu[name]) for name in set(reference) & set(gpu) if reference[name] != gpu[name]
    } == {}
    assert gpu["tensorflow"] == reference["tensorflow-cpu"]
    rest = set(gpu) - set(reference) - {"tensorflow"}
    assert {name for name in rest if not name.startswith("nvidia-")} == set()


def test_beams_launcher_has_the_version_of_the_locked_beam():
    (version,) = re.findall(r"beam_python3\.12_sdk:(\S+)", MAIN_RECIPE.read_text())
    assert version == locked_versions(FOLDER / "requirements.lock")["apache-beam"]


def test_both_recipes_use_the_same_pinned_base_image():
    bases = {re.findall(r"(?m)^ARG BASE=(.*)$", (FOLDER / name).read_text())[0] for name in FILES}
    (base,) = bases
    assert re.fullmatch(r"python:3\.12\.\d+-slim-trixie@sha256:[0-9a-f]{64}", base)


def test_packages_are_installed_only_by_hash():
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


def test_build_tools_have_the_versions_of_the_images_lock():
    reference, tools = locked_versions(FOLDER / "requirements.lock"), locked_versions(FOLDER / "tools.lock")
    assert {"cyclonedx-bom", "setuptools", "uv", "wheel"} <= set(tools)
    assert {name: version for name, version in tools.items() if reference.get(name, version) != version} == {}


def test_layers_are_ordered_from_rarely_to_often_changed():
    for name in FILES:
        *_, last = re.split(r"(?m)^(?=FROM )", (FOLDER / name).read_text().partition("FROM common AS gpu")[0])
        copies = re.findall(r"(?m)^COPY --from=(\w+)", last)
        assert copies == ["environment", "reference", "project"]
