"""dvc.yaml against the code: a stage that runs a module must depend on it, or `dvc repro` would miss a change."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, tiny_tree
from dvc.repo import Repo
from whole_project import copied

from components import params
from pipelines import beforehand

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
ROOMS = ("components", "models", "pipelines")
# Shared by all stages, and without influence on what they write: parameters are tracked as parameters.
COMMON = {
    "components/__init__.py",
    "components/errors.py",
    "components/files.py",
    "components/layout.py",
    "components/params.py",
    "components/problems.py",
    "components/tables.py",
    "components/yaml_file.py",
    "models/__init__.py",
    "pipelines/__init__.py",
    "pipelines/beforehand.py",
    "pipelines/stages.py",
}


def module_file(name):
    path = ROOT / Path(*name.split("."))
    if path.is_dir():
        return (path / "__init__.py").relative_to(ROOT).as_posix()
    return path.with_suffix(".py").relative_to(ROOT).as_posix() if path.with_suffix(".py").exists() else None


def imports(tree):
    """Project modules that a piece of code imports, at its top or inside functions."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (module_file(n) for n in names if n.split(".")[0] in ROOMS and module_file(n))


def closure(start):
    seen, todo = set(), list(start)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += imports(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    return seen


def stage_function(name):
    """The code of a stage: its function, and those beside it that this one calls."""
    tree = ast.parse((ROOT / "pipelines" / "stages.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    called = [
        node.func.id for node in ast.walk(functions[name]) if isinstance(node, ast.Call) and hasattr(node.func, "id")
    ]
    return ast.Module([functions[each] for each in [name, *called] if each in functions], [])


def covered(path, deps):
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


# TFX loads these by name, so no import shows them.
BY_NAME = {"train": {"components/train.py"}, "evaluate": {"components/pooled_dice.py"}}
# The factory serves every stage; each runs only its own part of it.
FACTORY_ONLY = {
    "components/drift.py",
    "components/gate.py",
    "components/pooled_dice.py",
    "components/slice_metrics.py",
    "components/validate.py",
}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_every_module_it_runs(name):
    deps = STAGES[name].get("do", STAGES[name])["deps"]
    direct = set(imports(stage_function(name))) | BY_NAME.get(name, set())
    own = closure(direct - {"pipelines/training.py"})
    needed = own | (closure(direct) - FACTORY_ONLY)
    assert {path for path in needed - COMMON if not covered(path, deps)} == set()


def groups(path_or_tree):
    """Groups of parameters that a piece of code reads as `params.GROUP`."""
    tree = path_or_tree if isinstance(path_or_tree, ast.AST) else ast.parse((ROOT / path_or_tree).read_text("utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params"
    }


@pytest.mark.parametrize("name", ["demo", "ingest", "split", "convert", "validate", "assemble", "evaluate"])
def test_a_stage_names_the_knobs_it_reads(name):
    direct = set(imports(stage_function(name))) - {"pipelines/training.py"}
    read = groups(stage_function(name)).union(*(groups(path) for path in closure(direct)))
    assert read
    assert read <= {str(knob).partition(".")[0] for knob in STAGES[name]["params"]}


def test_the_verdict_depends_on_the_champion_and_on_where_scans_are_measured():
    assert "${gate.champion}" in STAGES["evaluate"]["deps"]
    assert {"scale", "evaluate", "convert.beam_args", "convert.storage"} <= set(STAGES["evaluate"]["params"])
    assert (ROOT / yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["gate"]["champion"]).is_dir()


def test_deps_that_are_files_exist():
    for stage in STAGES.values():
        for dep in stage.get("do", stage)["deps"]:
            if str(dep).startswith(ROOMS):
                assert (ROOT / dep).exists(), dep


def test_arrows_run_one_way():
    allowed = {"models": {"models"}, "components": {"components", "models"}, "pipelines": set(ROOMS)}
    for room, below in allowed.items():
        for path in (ROOT / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert {found.split("/")[0] for found in imports(tree)} <= below, path


def test_networks_losses_and_metrics_know_keras_alone():
    for name in ("augment", "classifier", "losses", "metrics", "preprocessing", "resunet", "storage"):
        tree = ast.parse((ROOT / "models" / f"{name}.py").read_text(encoding="utf-8"))
        top = {
            (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
        }
        assert "tensorflow" not in top, name


def test_files_that_params_name_are_dependencies_of_the_stages_that_read_them(tmp_path):
    tree = tiny_tree() | {"evaluate": {"clinical": "../grades.csv"}}
    tree["split"]["file"] = "sides.csv"
    copied(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with Repo(str(tmp_path)) as repo:
        deps = {stage.name: {dep.def_path for dep in stage.deps} for stage in repo.index.stages}
    assert "../grades.csv" in deps["evaluate"]
    assert "sides.csv" in deps["split"]
    for network in ("classifier", "segmenter"):
        assert "own/weights" in deps[f"train@{network}"]


def test_without_tables_of_ones_own_the_stages_depend_on_one_that_says_so():
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert tree["split"]["file"] == tree["evaluate"]["clinical"] == params.NO_TABLE
    assert (ROOT / params.NO_TABLE).is_file()
    assert (ROOT / beforehand.WEIGHTS).is_dir()
    chosen = params.parse(tree)
    assert (chosen.split.file, chosen.evaluate.clinical) == (None, None)
