"""Which modules of the project a stage of dvc.yaml runs, read from their imports."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from conftest import ROOT

TOPS = ("components", "models", "pipelines")
# One function a TFX node; a stage runs those that it calls.
FACTORY = "pipelines/training.py"


def module_file(name):
    """Path of a module or package of the project; None for other names."""
    path = ROOT / Path(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.relative_to(ROOT).as_posix() if file.exists() else None


@cache
def parsed(path):
    """The syntax tree of a file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imports(tree):
    """Modules that a piece of code imports, at its top or inside functions, or names in a text, as TFX wants it."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and re.fullmatch(r"components(\.\w+)+", str(node.value)):
            names = [node.value, node.value.rpartition(".")[0]]
        yield from (module_file(name) for name in names if name.split(".")[0] in TOPS and module_file(name))


def closure(start):
    """All modules that some modules need, themselves included, the factory's own imports left out."""
    seen, todo = set(), list(start)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += [] if path == FACTORY else imports(parsed(path))
    return seen


def holds_code(path):
    """Tell a module from one that only says what its folder is for."""
    return len(parsed(path).body) > 1


def of_stage(name):
    """All modules that a stage runs."""
    module = f"pipelines/stages/{name}.py"
    found = closure([module])
    if FACTORY in found:
        called = {
            node.attr
            for node in ast.walk(parsed(module))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "training"
        }
        body = parsed(FACTORY).body
        parts = [node for node in body if not isinstance(node, ast.FunctionDef) or node.name in called]
        found |= closure(imports(ast.Module(parts, [])))
    return {path for path in found if not path.endswith("__init__.py") or holds_code(path)}
