"""In dvc.yaml a stage depends on all rooms that it runs, so that no change is missed, and on no others."""

from __future__ import annotations

import ast

import networkx as nx
import pytest
import yaml
from code_of_stages import TOP_PACKAGES, imports, modules_of_stage, syntax_tree
from conftest import ROOT, tiny_tree
from dvc.repo import Repo
from whole_project import copy_project

from components.common import params
from components.common.params.values import NO_TABLE
from components.train import starting_network
from pipelines.checks import own_weights

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# Shared by all stages without affecting their outputs: parameters are tracked as parameters.
COMMON = ("components/common/", "pipelines/checks/own_weights.py", "pipelines/paths.py")


def code_dependencies(name):
    """Return the dependencies of a stage that are code."""
    return [dep for dep in STAGES[name].get("do", STAGES[name])["deps"] if str(dep).split("/")[0] in TOP_PACKAGES]


def covers(dep, path):
    return path == dep or path.startswith(f"{dep}/")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_every_room_that_it_runs(name):
    needed = {path for path in modules_of_stage(name) if not path.startswith(COMMON)}
    assert {path for path in needed if not any(covers(dep, path) for dep in code_dependencies(name))} == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_no_other_room(name):
    needed = modules_of_stage(name)
    assert [dep for dep in code_dependencies(name) if not any(covers(dep, path) for path in needed)] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_its_module_and_the_room_of_its_name(name):
    assert f"pipelines/stages/{name}.py" in code_dependencies(name)
    assert not (ROOT / "components" / name).is_dir() or f"components/{name}" in code_dependencies(name)


def parameter_groups(path):
    """Return the groups of parameters that a module reads as `params.GROUP`."""
    return {
        node.attr
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params"
    }


@pytest.mark.parametrize("name", ["demo", "ingest", "split", "convert", "validate", "assemble", "evaluate"])
def test_a_stage_lists_the_parameters_it_reads(name):
    read = set().union(*(parameter_groups(path) for path in modules_of_stage(name) if path != "pipelines/training.py"))
    assert read
    assert read <= {str(parameter).partition(".")[0] for parameter in STAGES[name]["params"]}


def test_evaluate_depends_on_the_champion_and_on_where_it_runs():
    assert "${gate.champion}" in STAGES["evaluate"]["deps"]
    assert {"scale", "evaluate", "convert.beam_args", "convert.storage"} <= set(STAGES["evaluate"]["params"])
    assert (ROOT / yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["gate"]["champion"]).is_dir()


def test_code_dependencies_exist():
    for stage in STAGES.values():
        for dep in stage.get("do", stage)["deps"]:
            if str(dep).split("/")[0] in TOP_PACKAGES:
                assert (ROOT / dep).exists(), dep


def test_imports_between_top_packages_go_one_way():
    allowed = {"models": {"models"}, "components": {"components", "models"}, "pipelines": set(TOP_PACKAGES)}
    for top_package, allowed_targets in allowed.items():
        for path in (ROOT / top_package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert {found.split("/")[0] for found in imports(tree)} <= allowed_targets, path


def test_imports_between_rooms_form_no_circle():
    import_graph = nx.DiGraph(
        (path.parts[1], found.split("/")[1])
        for path in (file.relative_to(ROOT) for file in (ROOT / "components").glob("*/**/*.py"))
        for found in imports(syntax_tree(path.as_posix()))
        if found.startswith("components/") and found.split("/")[1] not in {path.parts[1], "__init__.py"}
    )
    assert len(import_graph) > 15
    assert list(nx.simple_cycles(import_graph)) == []


def test_networks_losses_and_metrics_do_not_import_tensorflow():
    for path in (ROOT / "models/networks").glob("*.py"):
        # They need graphs, the SavedModel, and a kernel that Keras lacks.
        if path.stem in ("compiled", "export", "norms"):
            continue
        tree = syntax_tree(path.relative_to(ROOT).as_posix())
        top = {
            (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
        }
        assert "tensorflow" not in top, path


def test_files_named_in_params_are_dependencies_of_their_stages(tmp_path):
    tree = tiny_tree() | {"evaluate": {"clinical": "../grades.csv"}}
    tree["split"]["file"] = "splits.csv"
    copy_project(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with Repo(str(tmp_path)) as repo:
        deps = {stage.name: {dep.def_path for dep in stage.deps} for stage in repo.index.stages}
    assert "../grades.csv" in deps["evaluate"]
    assert "splits.csv" in deps["split"]
    for network in ("classifier", "segmenter"):
        assert {"own/weights", f"benchmarks/quality/reference/{network}"} <= deps[f"train@{network}"]


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_a_starting_network_is_a_dependency_of_its_training(network):
    folder = starting_network.folder_of(starting_network.REFERENCE, network)
    assert {folder.as_posix(), own_weights.WEIGHTS.as_posix()} <= {
        dep.replace("${item}", network) for dep in STAGES["train"]["do"]["deps"]
    }
    assert (ROOT / folder / "network.json").is_file()


def test_without_user_tables_stages_depend_on_a_placeholder():
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert tree["split"]["file"] == tree["evaluate"]["clinical"] == NO_TABLE
    assert (ROOT / NO_TABLE).is_file()
    assert (ROOT / own_weights.WEIGHTS).is_dir()
    assert (tree["classifier"]["start"], tree["segmenter"]["start"]) == (None, None)
    chosen = params.parse(tree)
    assert (chosen.split.file, chosen.evaluate.clinical) == (None, None)
