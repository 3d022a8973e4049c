"""Shared fixtures: a tiny synthetic source and what each step makes of it, built once per session."""

from __future__ import annotations

import copy
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.processes import gc_settings, quiet

pytest_plugins = [
    "hypothesis_profiles",
    "unclosed_objects",
    "cpu_meter",
    "time_limit",
    "finished_project",
    "watch_fixtures",
]
quiet.silence()
gc_settings.collect_seldom()
# One thread per test: as many tests run at once as there are processors, and more threads would only wait.
for library in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM", "OPENBLAS_NUM"):
    os.environ.setdefault(f"{library}_THREADS", "1")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Group and order the tests. Tests of a file share what they train, so they stay on one worker.

    So do all tests that use the finished project or the process that made it. By day, they take longest and come first,
    followed by tests marked as long, so that no worker is left with much to do at the end. At night they come last,
    because a run with a time limit (`--until`) covers more tests if it starts with the quick ones.
    """
    for item in items:
        if {"finished_project", "project_copy", "warm_programs"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("finished"))
        elif not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))
    items.sort(key=_order)


def _order(item):
    """The position of an item in the order; lower numbers come first."""
    if "finished" in item.get_closest_marker("xdist_group").args:
        return 3 if item.get_closest_marker("nightly") else 0
    return 1 if item.get_closest_marker("long") else 2


ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "tests" / "support"
TEST_PYTHONPATH = os.pathsep.join(map(str, (ROOT, ROOT / "tests", SUPPORT)))  # for processes that import helpers
LGG = ROOT.parent / "shared" / "lgg"

# Sizes at which tests of the workflow take seconds; models learn nothing at them.
TINY = {
    "scale": "demo",
    "demo.patients": 9,
    "demo.slices": 8,
    "demo.size": 64,
    "ingest.workers": 1,
    "classifier.backbone": "VGG16",  # has the fewest layers, so it is the quickest to build and save
    "classifier.image_size": 32,
    "classifier.epochs": 1,
    "segmenter.filters": [4, 8],
    "segmenter.image_size": 32,
    "segmenter.epochs": 2,
}


@functools.cache
def read_params() -> dict:
    """params.yaml as a tree, cached because parsing it is slow."""
    import yaml

    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def tiny_tree() -> dict:
    """params.yaml as a tree, at tiny sizes; the caller may change it."""
    tree = copy.deepcopy(read_params())
    for parameter, value in TINY.items():
        *groups, name = parameter.split(".")
        node = tree
        for group in groups:
            node = node[group]
        node[name] = value
    return tree


@pytest.fixture(scope="session")
def tiny_params():
    from components.common import params

    return params.parse(tiny_tree())


def ingest_into(folder, source, **changes):
    """Ingest `source` into scans/, manifest.csv and problems.csv of `folder`; return the manifest.

    The policy is that of params.yaml, updated by `policy`; other arguments go to `ingest`.
    """
    from components.common import params
    from components.common.tables import read_manifest
    from components.ingest.stage import ingest

    policy = params.parse(tiny_tree()).ingest.policy | changes.pop("policy", {})
    names = (folder / name for name in ("scans", "manifest.csv", "problems.csv"))
    ingest(source, *names, policy=policy, **changes)
    return read_manifest(folder / "manifest.csv")


@pytest.fixture(scope="session")
def demo_source(tmp_path_factory, tiny_params) -> Path:
    from finished_project import make_once

    from components.sources.demo import write_demo

    parameters = tiny_params.demo
    sizes = {"patients": parameters.patients, "slices": parameters.slices, "size": parameters.size}
    return (
        make_once(
            tmp_path_factory, "source", lambda folder: write_demo(folder / "demo", **sizes, seed=tiny_params.seed)
        )
        / "demo"
    )


@pytest.fixture(scope="session")
def data(tmp_path_factory, demo_source, tiny_params) -> Path:
    """Folder with scans/, manifest.csv, splits.csv and examples/ of the tiny source."""
    from finished_project import make_once

    return make_once(tmp_path_factory, "data", lambda folder: _prepare(folder, demo_source, tiny_params))


def _prepare(folder, source, params):
    from components.convert.stage import convert
    from components.split.rule import SplitRule
    from components.split.stage import split

    ingest_into(folder, source)
    rule = SplitRule(**params.split.model_dump(exclude={"near", "look_alikes"}), seed=params.seed)
    split(folder / "manifest.csv", folder / "splits.csv", folder / "ledger.csv", rule)
    convert(folder / "scans", folder / "splits.csv", folder / "examples", shards=2, beam_args=params.convert.beam_args)


@pytest.fixture(scope="session")
def split_examples(tmp_path_factory) -> Path:
    """Folder with Split-train/ and Split-val/ of made-up patients: 48 and 24 slices, 30 and 15 of them with tumour."""
    from tiny_training import write_split_examples

    folder = tmp_path_factory.mktemp("split_examples")
    write_split_examples(folder)
    return folder


@pytest.fixture(scope="session")
def backbone_file(tmp_path_factory) -> Path:
    """Weights for the small backbone of a classifier."""
    from tiny_training import write_backbone

    path = tmp_path_factory.mktemp("weights") / "backbone.weights.h5"
    write_backbone(path)
    return path


@pytest.fixture
def training_params(tmp_path):
    """Parameters of a tiny training, with its cache and checkpoints in the test's own folder."""
    from tiny_training import tiny_training_params

    return tiny_training_params(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """Folder on a disk of 256 KiB, in a mount namespace of another process."""
    if not shutil.which("unshare"):
        pytest.skip("no disk can be mounted here: no unshare")
    mount = 'mount -t tmpfs -o size=256k none "$0" && echo mounted && read -r _'
    command = ["unshare", "-rm", "sh", "-c", mount, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as holder:
        assert holder.stdin
        assert holder.stdout
        output = holder.stdout.readline().decode().strip()
        if output == "mounted":
            yield Path(f"/proc/{holder.pid}/root{tmp_path}")
        holder.stdin.close()
    if output != "mounted":
        pytest.skip(f"no disk can be mounted here: {output}")


@pytest.fixture
def bucket(monkeypatch, tmp_path_factory):
    """The bucket `gs://scans` on a server of the test's own, which clients use as Cloud Storage."""
    from gcs_server import running_server

    with running_server(monkeypatch, tmp_path_factory.mktemp("gcs")) as made:
        yield made


@pytest.fixture
def temporary_folder(tmp_path_factory, monkeypatch):
    """The folder for temporary files of this process and its workers; fails a test that leaves anything in it."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []
