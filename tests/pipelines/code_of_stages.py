"""Finds the modules of the project that a stage of dvc.yaml runs, by following imports."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from conftest import ROOT

TOP_PACKAGES = ("components", "models", "pipelines")
# Has one function for each TFX node; a stage runs only those that it calls.
FACTORY = "pipelines/training.py"


def module_file(name):
    """Return the path of a module or package of the project, or None for other names."""
    path = ROOT / Path(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.relative_to(ROOT).as_posix() if file.exists() else None


@cache
def syntax_tree(path):
    """Return the syntax tree of a file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imports(tree):
    """Yield the modules that code imports, also inside functions, or names in a string, as TFX requires."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and re.fullmatch(r"components(\.\w+)+", str(node.value)):
            names = [node.value, node.value.rpartition(".")[0]]
        yield from (module_file(name) for name in names if name.split(".")[0] in TOP_PACKAGES and module_file(name))


def closure(start):
    """Return all modules that the given ones need, themselves included, without the imports of FACTORY."""
    seen, todo = set(), list(start)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += [] if path == FACTORY else imports(syntax_tree(path))
    return seen


def holds_code(path):
    """Return whether a module holds more than a docstring."""
    return len(syntax_tree(path).body) > 1


def modules_of_stage(name):
    """Return all modules that a stage runs."""
    module = f"pipelines/stages/{name}.py"
    found = closure([module])
    if FACTORY in found:
        called = {
            node.attr
            for node in ast.walk(syntax_tree(module))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "training"
        }
        body = syntax_tree(FACTORY).body
        parts = [node for node in body if not isinstance(node, ast.FunctionDef) or node.name in called]
        found |= closure(imports(ast.Module(parts, [])))
    return {path for path in found if not path.endswith("__init__.py") or holds_code(path)}
