"""Every recipe of CONTRIBUTING.md, applied to a copy of the project: few files, and what they add works."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from whole_project import FILES, command

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## Add a (.+?)\n.*?^```diff\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
FORMAT_AND_METRIC = """
from pathlib import Path
import nibabel, numpy
import evaluated_by_hand
from components.metrics.mask_scores import patient_scores
from components.predict.mask_files import write_masks
from components.sources import open_source
from components.sources.inputs import open_input
from written_scans import made_up_scan

scan = made_up_scan()
for name in ("one", "other"):
    folder = Path("scans", name)
    folder.mkdir(parents=True)
    numpy.save(folder / "image.npy", scan.image)
    numpy.save(folder / "mask.npy", scan.mask)
with open_source("scans") as source:
    assert (source.patients, source.problems) == (["one", "other"], [])
    reading = source.read("one")
    assert not reading.problems
    assert (reading.scan.image == scan.image).all() and (reading.scan.mask == scan.mask).all()
    Path("scans/other/image.npy").write_bytes(b"damaged")
    assert [problem.kind for problem in source.read("other").problems] == ["unreadable"]
with open_input("scans/one") as source:
    assert source.patients == ["one"]
    write_masks(Path("found"), source, source.read("one", masks=False).scan, scan.mask)
assert (nibabel.load("found/one_mask.nii.gz").get_fdata().transpose(2, 1, 0) == scan.mask).all()

half = scan.mask.copy()
half[:, :, :10] = False
precision = patient_scores(half, scan.mask, (1, 1, 1))["voxel_precision"]
assert precision == 0.5
by_hand = evaluated_by_hand.scores
evaluated_by_hand.scores = lambda *row: by_hand(*row) | {"voxel_precision": precision}
details = evaluated_by_hand.Place(Path()).write().summary()
assert details["layered"]["voxel_precision"] == details["segmenter"]["voxel_precision"] == precision
"""
NETWORK = """
import numpy
from conftest import tiny_tree
from components.common import params
from components.train.settings import network_arguments
from models.networks.network_files import build, load_network, save_network

tree = tiny_tree()
for network in ("classifier", "segmenter"):
    tree[network] |= {"backbone": "Plain", "weights": "none"}
chosen = params.parse(tree)
for network in ("classifier", "segmenter"):
    arguments = network_arguments(chosen, network)
    built = build(network, arguments)
    assert any(layer.name.lower().startswith("plain") for layer in built.layers)
    save_network(network, built, arguments)
    slices = numpy.random.default_rng(5).integers(0, 256, (2, *built.input_shape[1:])).astype("float32")
    output = built(slices, training=False).numpy()
    assert output.std() > 0
    assert (load_network(network)(slices, training=False).numpy() == output).all()
"""


def files(recipe):
    """Path to the lines of its difference."""
    parts = re.split(r"^\+\+\+ (.+)\n", recipe, flags=re.MULTILINE)[1:]
    return {path: lines.splitlines() for path, lines in zip(parts[::2], parts[1::2], strict=True)}


def changed(text, difference):
    """A text after a difference, whose new lines come right after the old ones that stand before them."""
    lines, at = text.splitlines(), 0
    for line in difference:
        sign, content = line[:1], line[1:]
        if sign == "+":
            lines.insert(at, content)
        else:
            at = lines.index(content, at)
        if sign == "-":
            del lines[at]
        else:
            at += 1
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project to which all recipes were applied."""
    folder = tmp_path_factory.mktemp("extended")
    for name in [*FILES, "docs", "tests"]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    for recipe in RECIPES.values():
        for path, difference in files(recipe).items():
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            before = target.read_text(encoding="utf-8") if target.exists() else ""
            target.write_text(changed(before, difference), encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def check(extended, *words):
    """Run a command in the copy; it has to end well."""
    paths = [extended, *(extended / "tests" / name for name in ("", "support", "evaluate"))]
    result = command(*words, cwd=extended, PYTHONPATH=":".join(map(str, paths)))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("what", ["source format", "network", "metric", "stage"])
def test_a_recipe_touches_three_files_at_most_and_the_table_names_them(what):
    (row,) = re.findall(rf"^\| a {what} \| (.+) \|$", PAGE, re.MULTILINE)
    patterns = [re.sub("[A-Z]{3,}", r"\\w+", re.escape(path)) for path in re.findall("`(.+?)`", row)]
    touched = list(files(RECIPES[what]))
    assert 2 <= len(touched) <= 3
    for path, pattern in zip(touched, patterns, strict=True):
        assert re.fullmatch(pattern, path), path


def test_what_recipes_add_passes_the_linter(extended):
    check(extended, "ruff", "check", "--no-cache", "components", "models", "pipelines")
    check(extended, "ruff", "format", "--no-cache", "--check", "components", "models", "pipelines")


def test_the_source_format_is_read_and_the_metric_is_in_the_details(extended):
    check(extended, "python", "-c", FORMAT_AND_METRIC)


def test_the_network_is_taken_by_params_built_and_read_back(extended):
    check(extended, "python", "-c", NETWORK)


def test_the_stage_runs_and_depends_on_what_it_needs(extended):
    (extended / "data").mkdir()
    rows = ["one,one,DU,1,1,1,7", "one,one,DU,1,2,1,5", "other,other,DU,1,1,0,0"]
    head = (
        "patient,subject,site,synthetic,slice,has_tumor,tumor_pixels,missing_pre,missing_post,mean_pre,std_pre,"
        "mean_flair,std_flair,mean_post,std_post,pixel_hash,perceptual_hash"
    )
    table = "\n".join([head, *(f"{row},0,0,1,1,1,1,1,1,a,b" for row in rows)])
    (extended / "data/manifest.csv").write_text(table + "\n", encoding="utf-8")
    check(extended, "dvc", "repro", "--single-item", "--quiet", "volumes")
    assert (extended / "data/volumes.csv").read_text(encoding="utf-8") == "patient,tumor_pixels\none,12\nother,0\n"
    tests = [f"tests/pipelines/test_{name}.py" for name in ("dvc", "stages")]
    check(extended, "pytest", *tests, "-k", "volumes or one_way or circle or every_module")
