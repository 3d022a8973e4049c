"""Mutants of a module, by the operators of Cosmic Ray."""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

# Of the dozen replacements that Cosmic Ray has for each operator, the one that people confuse it with.
ARITHMETIC = {
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Div_FloorDiv", "FloorDiv_Div", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul",
    "BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitOr", "BitXor_BitAnd", "LShift_RShift", "RShift_LShift",
}  # fmt: skip
ORDER = {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"}
KINDS = ({"Is", "IsNot"}, {"In", "NotIn"}, ORDER)


@dataclass(frozen=True)
class Mutant:
    """A module with one fault: the place, the line before and after, and the whole source."""

    place: str
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.place}: {self.before} -> {self.after}"


def mutants_of(source: str) -> list[Mutant]:
    """All mutants that behave differently, without duplicates and those that differ only in annotations."""
    seen, made = {meaning(source)}, []
    nodes = list(ast_nodes(get_ast(source)))
    for name in OperatorProvider():
        operator = OperatorProvider()[name]
        if not is_realistic(name) or operator.arguments():
            continue
        positions = sum(len(list(operator().mutation_positions(node))) for node in nodes)
        for occurrence in range(positions):
            mutated = mutate_code(source, operator(), occurrence)
            try:
                mutated_meaning = meaning(mutated)
            except SyntaxError:
                continue
            if mutated_meaning not in seen:
                seen.add(mutated_meaning)
                made.append(Mutant(*difference(source, mutated), mutated))
    return number_duplicates(made)


def is_realistic(operator: str) -> bool:
    """Whether an operator of Cosmic Ray makes mistakes that people make."""
    kind, _, change = operator.partition("_")
    if kind == "ReplaceBinaryOperator":
        return change in ARITHMETIC
    if kind == "ReplaceComparisonOperator":
        return any(set(change.split("_")) <= kind_group for kind_group in KINDS)
    return True


def meaning(source: str) -> str:
    """A source's syntax tree as text, without annotations that are never evaluated and without `*` in signatures."""
    tree = ast.parse(source)
    models = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.bases]
    evaluated = {field for model in models for field in model.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign) and node not in evaluated:
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arguments):
            node.args, node.posonlyargs, node.kwonlyargs = [*node.posonlyargs, *node.args, *node.kwonlyargs], [], []
            node.defaults, node.kw_defaults = [*node.defaults, *filter(None, node.kw_defaults)], []
    return ast.dump(tree)


def difference(source: str, mutated: str) -> tuple[str, str, str]:
    """The enclosing definition, and the lines that differ, before and after."""
    old, new = source.splitlines(), mutated.splitlines()
    changes = [
        change_block
        for change_block in difflib.SequenceMatcher(None, old, new, False).get_opcodes()
        if change_block[0] != "equal"
    ]
    before = [line for _, start, end, _, _ in changes for line in old[start:end]]
    after = [line for _, _, _, start, end in changes for line in new[start:end]]
    words = (" ".join(" ".join(lines).split()) or "(nothing)" for lines in (before, after))
    return place(source, changes[-1][2]), *words


def place(source: str, line: int) -> str:
    """Name of the definition that contains a line, or whose decorator it is; empty at module level."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min(one.lineno for one in (node, *node.decorator_list))
            if first <= line <= (node.end_lineno or 0):
                names.append((first, node.name))
    return ".".join(name for _, name in sorted(names))


def number_duplicates(mutants: list[Mutant]) -> list[Mutant]:
    """Number mutants that have the same name because a line occurs twice in a definition."""
    count: Counter = Counter()
    found = []
    for one in mutants:
        count[one.name] += 1
        suffix = f" ({count[one.name]})" if count[one.name] > 1 else ""
        found.append(Mutant(one.place, one.before, one.after + suffix, one.source))
    return found
