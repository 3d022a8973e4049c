"""Shared fixtures: a tiny synthetic source and what each step makes of it, built once a session."""

from __future__ import annotations

import copy
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines import garbage, quiet

pytest_plugins = ["drawing", "left_open", "meter", "time_limit", "finished", "watch_fixtures"]
quiet.silence()
garbage.collect_seldom()
# One thread a test: as many tests run at once as there are processors; more threads only wait for each other.
for library in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM", "OPENBLAS_NUM"):
    os.environ.setdefault(f"{library}_THREADS", "1")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Choose what runs beside what: tests of a file share what they train, so they stay on one worker.

    So do all that look at the one finished project, or ask for what made it. By day they take longest and come first,
    then what is marked as long, so that at the end no worker is left alone with much. At night they come last, because
    a night that has to end (`--until`) gets further by beginning with what is quick.
    """
    for item in items:
        if {"finished_project", "project_copy", "warmed"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("finished"))
        elif not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))
    items.sort(key=_turn)


def _turn(item):
    """Where an item stands in the order: lower numbers come first."""
    if "finished" in item.get_closest_marker("xdist_group").args:
        return 3 if item.get_closest_marker("nightly") else 0
    return 1 if item.get_closest_marker("long") else 2


ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "tests" / "support"
IMPORTS = os.pathsep.join(map(str, (ROOT, ROOT / "tests", SUPPORT)))  # PYTHONPATH of a process that imports helpers
LGG = ROOT.parent / "shared" / "lgg"

# Sizes at which a test of the machinery takes seconds; nothing is learned at them.
TINY = {
    "scale": "demo",
    "demo.patients": 9,
    "demo.slices": 8,
    "demo.size": 64,
    "ingest.workers": 1,
    "classifier.backbone": "VGG16",  # of the fewest layers, which is what takes time to build and to save
    "classifier.image_size": 32,
    "classifier.epochs": 1,
    "segmenter.filters": [4, 8],
    "segmenter.image_size": 32,
    "segmenter.epochs": 2,
}


@functools.cache
def read_params() -> dict:
    """params.yaml as a tree; the text takes a while to read."""
    import yaml

    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def tiny_tree() -> dict:
    """params.yaml as a tree of the caller's own, at tiny sizes."""
    tree = copy.deepcopy(read_params())
    for parameter, value in TINY.items():
        *groups, name = parameter.split(".")
        place = tree
        for group in groups:
            place = place[group]
        place[name] = value
    return tree


@pytest.fixture(scope="session")
def tiny_params():
    from components.common import params

    return params.parse(tiny_tree())


def ingest_into(folder, source, **changes):
    """Ingest `source` into scans/, manifest.csv and problems.csv of `folder`, by the policy of params.yaml;
    return the manifest.

    `policy` names what differs from it; other arguments go to `ingest`.
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
    from finished import once

    from components.sources.demo import write_demo

    parameters = tiny_params.demo
    sizes = {"patients": parameters.patients, "slices": parameters.slices, "size": parameters.size}
    return (
        once(tmp_path_factory, "source", lambda place: write_demo(place / "demo", **sizes, seed=tiny_params.seed))
        / "demo"
    )


@pytest.fixture(scope="session")
def data(tmp_path_factory, demo_source, tiny_params) -> Path:
    """Folder with scans/, manifest.csv, splits.csv and examples/ of the tiny source."""
    from finished import once

    return once(tmp_path_factory, "data", lambda folder: _prepare(folder, demo_source, tiny_params))


def _prepare(folder, source, params):
    from components.convert.stage import convert
    from components.split.rule import SplitRule
    from components.split.stage import split

    ingest_into(folder, source)
    rule = SplitRule(**params.split.model_dump(exclude={"near", "look_alikes"}), seed=params.seed)
    split(folder / "manifest.csv", folder / "splits.csv", folder / "ledger.csv", rule)
    convert(folder / "scans", folder / "splits.csv", folder / "examples", shards=2, beam_args=params.convert.beam_args)


@pytest.fixture(scope="session")
def sides(tmp_path_factory) -> Path:
    """Folder with Split-train/ and Split-val/ of made-up patients: 48 and 24 slices, 30 and 15 with tumour."""
    from tiny_training import write_sides

    folder = tmp_path_factory.mktemp("sides")
    write_sides(folder)
    return folder


@pytest.fixture(scope="session")
def backbone_file(tmp_path_factory) -> Path:
    """Weights for a classifier's backbone."""
    from tiny_training import write_backbone

    path = tmp_path_factory.mktemp("weights") / "backbone.weights.h5"
    write_backbone(path)
    return path


@pytest.fixture
def training_params(tmp_path):
    """Parameters of a training that keeps its cache and its checkpoints below the test's own folder."""
    from tiny_training import tiny

    return tiny(tmp_path)


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
        said = holder.stdout.readline().decode().strip()
        if said == "mounted":
            yield Path(f"/proc/{holder.pid}/root{tmp_path}")
        holder.stdin.close()
    if said != "mounted":
        pytest.skip(f"no disk can be mounted here: {said}")


@pytest.fixture
def bucket(monkeypatch, tmp_path_factory):
    """The bucket `gs://scans` of a server of this test's own, which clients take for Cloud Storage."""
    from gcs_server import running

    with running(monkeypatch, tmp_path_factory.mktemp("gcs")) as made:
        yield made


@pytest.fixture
def temporary(tmp_path_factory, monkeypatch):
    """Where temporary copies go, in this process and in workers; a test must leave nothing in it."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []
