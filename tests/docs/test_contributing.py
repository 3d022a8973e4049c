"""Every recipe of CONTRIBUTING.md touches few files and works in a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from whole_project import FILES, run_command

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## Add a (.+?)\n.*?^```diff\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
FORMAT_AND_METRIC = """
from pathlib import Path
import nibabel, numpy
import handmade_run
from components.metrics.mask_scores import patient_scores
from components.predict.mask_files import write_masks
from components.sources import open_source
from components.sources.inputs import open_input
from scan_writers import make_scan

scan = make_scan()
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
by_hand = handmade_run.scores
handmade_run.scores = lambda *row: by_hand(*row) | {"voxel_precision": precision}
details = handmade_run.HandmadeRun(Path()).write().summary()
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


def diffs_of_recipe(recipe):
    """Return the lines of the diff for each path in a recipe."""
    parts = re.split(r"^\+\+\+ (.+)\n", recipe, flags=re.MULTILINE)[1:]
    return {path: lines.splitlines() for path, lines in zip(parts[::2], parts[1::2], strict=True)}


def apply_diff(text, diff):
    """Apply a diff to a text; each added line goes right after the existing line before it in the diff."""
    lines, position = text.splitlines(), 0
    for line in diff:
        sign, content = line[:1], line[1:]
        if sign == "+":
            lines.insert(position, content)
        else:
            position = lines.index(content, position)
        if sign == "-":
            del lines[position]
        else:
            position += 1
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with all recipes applied."""
    folder = tmp_path_factory.mktemp("extended")
    for name in [*FILES, "docs", "tests"]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    for recipe in RECIPES.values():
        for path, diff in diffs_of_recipe(recipe).items():
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            before = target.read_text(encoding="utf-8") if target.exists() else ""
            target.write_text(apply_diff(before, diff), encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def check(extended, *words):
    """Run a command in the copy; it has to succeed."""
    paths = [extended, *(extended / "tests" / name for name in ("", "support", "evaluate"))]
    result = run_command(*words, cwd=extended, PYTHONPATH=":".join(map(str, paths)))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("kind", ["source format", "network", "metric", "stage"])
def test_a_recipe_touches_at_most_three_files_and_the_table_lists_them(kind):
    (row,) = re.findall(rf"^\| a {kind} \| (.+) \|$", PAGE, re.MULTILINE)
    patterns = [re.sub("[A-Z]{3,}", r"\\w+", re.escape(path)) for path in re.findall("`(.+?)`", row)]
    touched = list(diffs_of_recipe(RECIPES[kind]))
    assert 2 <= len(touched) <= 3
    for path, pattern in zip(touched, patterns, strict=True):
        assert re.fullmatch(pattern, path), path


def test_the_code_that_recipes_add_passes_the_linter(extended):
    check(extended, "ruff", "check", "--no-cache", "components", "models", "pipelines")
    check(extended, "ruff", "format", "--no-cache", "--check", "components", "models", "pipelines")


def test_the_added_format_is_read_and_the_added_metric_is_in_the_details(extended):
    check(extended, "python", "-c", FORMAT_AND_METRIC)


def test_the_added_network_is_accepted_by_params_built_and_loaded(extended):
    check(extended, "python", "-c", NETWORK)


def test_the_added_stage_runs_and_depends_on_what_it_needs(extended):
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
