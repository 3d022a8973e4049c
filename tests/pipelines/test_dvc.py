"""dvc.yaml against the code: a stage depends on the rooms that it runs, or changes would be missed, and on no other."""

from __future__ import annotations

import ast

import networkx as nx
import pytest
import yaml
from code_of_stages import TOPS, imports, of_stage, parsed
from conftest import ROOT, tiny_tree
from dvc.repo import Repo
from whole_project import copied

from components.common import params
from components.common.params.values import NO_TABLE
from components.train import starting_network
from pipelines import own_weights

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# Shared by all stages, and without influence on what they write: parameters are tracked as parameters.
COMMON = ("components/common/", "pipelines/own_weights.py", "pipelines/paths.py")


def code(name):
    """What a stage depends on, as far as it is code."""
    return [dep for dep in STAGES[name].get("do", STAGES[name])["deps"] if str(dep).split("/")[0] in TOPS]


def covers(dep, path):
    return path == dep or path.startswith(f"{dep}/")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_every_room_that_it_runs(name):
    needed = {path for path in of_stage(name) if not path.startswith(COMMON)}
    assert {path for path in needed if not any(covers(dep, path) for dep in code(name))} == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_no_room_that_it_does_not_run(name):
    needed = of_stage(name)
    assert [dep for dep in code(name) if not any(covers(dep, path) for path in needed)] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_its_own_module_and_on_the_room_of_its_name(name):
    assert f"pipelines/stages/{name}.py" in code(name)
    assert not (ROOT / "components" / name).is_dir() or f"components/{name}" in code(name)


def groups(path):
    """Groups of parameters that a module reads as `params.GROUP`."""
    return {
        node.attr
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params"
    }


@pytest.mark.parametrize("name", ["demo", "ingest", "split", "convert", "validate", "assemble", "evaluate"])
def test_a_stage_names_the_parameters_it_reads(name):
    read = set().union(*(groups(path) for path in of_stage(name) if path != "pipelines/training.py"))
    assert read
    assert read <= {str(parameter).partition(".")[0] for parameter in STAGES[name]["params"]}


def test_the_verdict_depends_on_the_champion_and_on_where_scans_are_measured():
    assert "${gate.champion}" in STAGES["evaluate"]["deps"]
    assert {"scale", "evaluate", "convert.beam_args", "convert.storage"} <= set(STAGES["evaluate"]["params"])
    assert (ROOT / yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["gate"]["champion"]).is_dir()


def test_deps_that_are_files_exist():
    for stage in STAGES.values():
        for dep in stage.get("do", stage)["deps"]:
            if str(dep).split("/")[0] in TOPS:
                assert (ROOT / dep).exists(), dep


def test_arrows_run_one_way():
    allowed = {"models": {"models"}, "components": {"components", "models"}, "pipelines": set(TOPS)}
    for room, below in allowed.items():
        for path in (ROOT / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert {found.split("/")[0] for found in imports(tree)} <= below, path


def test_rooms_form_no_circle():
    arrows = nx.DiGraph(
        (path.parts[1], found.split("/")[1])
        for path in (file.relative_to(ROOT) for file in (ROOT / "components").glob("*/**/*.py"))
        for found in imports(parsed(path.as_posix()))
        if found.startswith("components/") and found.split("/")[1] not in {path.parts[1], "__init__.py"}
    )
    assert len(arrows) > 15
    assert list(nx.simple_cycles(arrows)) == []


def test_networks_losses_and_metrics_know_keras_alone():
    for path in (ROOT / "models/networks").glob("*.py"):
        if path.stem in ("compiled", "export", "norms"):  # graphs, the SavedModel, and a kernel that Keras lacks
            continue
        tree = parsed(path.relative_to(ROOT).as_posix())
        top = {
            (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
        }
        assert "tensorflow" not in top, path


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
        assert {"own/weights", f"benchmarks/quality/reference/{network}"} <= deps[f"train@{network}"]


@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_a_network_to_start_from_lies_where_dvc_sees_it_change(network):
    place = starting_network.folder_of(starting_network.REFERENCE, network)
    assert {place.as_posix(), own_weights.WEIGHTS.as_posix()} <= {
        dep.replace("${item}", network) for dep in STAGES["train"]["do"]["deps"]
    }
    assert (ROOT / place / "network.json").is_file()


def test_without_tables_of_ones_own_the_stages_depend_on_one_that_says_so():
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert tree["split"]["file"] == tree["evaluate"]["clinical"] == NO_TABLE
    assert (ROOT / NO_TABLE).is_file()
    assert (ROOT / own_weights.WEIGHTS).is_dir()
    assert (tree["classifier"]["start"], tree["segmenter"]["start"]) == (None, None)
    chosen = params.parse(tree)
    assert (chosen.split.file, chosen.evaluate.clinical) == (None, None)
