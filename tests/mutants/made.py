"""Mutants of a module, by the operators of Cosmic Ray."""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

# Of the dozen operators that Cosmic Ray puts in place of each, the one that people confuse it with.
ARITHMETIC = {
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Div_FloorDiv", "FloorDiv_Div", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul",
    "BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitOr", "BitXor_BitAnd", "LShift_RShift", "RShift_LShift",
}  # fmt: skip
ORDER = {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"}
KINDS = ({"Is", "IsNot"}, {"In", "NotIn"}, ORDER)


@dataclass(frozen=True)
class Mutant:
    """A module with one fault: where it is, how the line read and reads now, and the whole source."""

    place: str
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.place}: {self.before} -> {self.after}"


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant that does something else; those that differ in annotations alone, or twice made, are left out."""
    seen, made = {meaning(source)}, []
    nodes = list(ast_nodes(get_ast(source)))
    for name in OperatorProvider():
        operator = OperatorProvider()[name]
        if not sensible(name) or operator.arguments():
            continue
        positions = sum(len(list(operator().mutation_positions(node))) for node in nodes)
        for occurrence in range(positions):
            mutated = mutate_code(source, operator(), occurrence)
            try:
                what = meaning(mutated)
            except SyntaxError:
                continue
            if what not in seen:
                seen.add(what)
                made.append(Mutant(*difference(source, mutated), mutated))
    return told_apart(made)


def sensible(operator: str) -> bool:
    """Whether an operator of Cosmic Ray makes faults that people make."""
    kind, _, change = operator.partition("_")
    if kind == "ReplaceBinaryOperator":
        return change in ARITHMETIC
    if kind == "ReplaceComparisonOperator":
        return any(set(change.split("_")) <= alike for alike in KINDS)
    return True


def meaning(source: str) -> str:
    """What a source does, as text: its tree without annotations that nobody evaluates and `*` in signatures."""
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
    """Enclosing definition, and the lines that differ."""
    old, new = source.splitlines(), mutated.splitlines()
    turns = [turn for turn in difflib.SequenceMatcher(None, old, new, False).get_opcodes() if turn[0] != "equal"]
    before = [line for _, start, end, _, _ in turns for line in old[start:end]]
    after = [line for _, _, _, start, end in turns for line in new[start:end]]
    words = (" ".join(" ".join(lines).split()) or "(nothing)" for lines in (before, after))
    return place(source, turns[-1][2]), *words


def place(source: str, line: int) -> str:
    """Name of the definition that a line belongs to, its decorators included; empty outside of all."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min(one.lineno for one in (node, *node.decorator_list))
            if first <= line <= (node.end_lineno or 0):
                names.append((first, node.name))
    return ".".join(name for _, name in sorted(names))


def told_apart(mutants: list[Mutant]) -> list[Mutant]:
    """Number those whose lines read alike, because the same line stands twice in a definition."""
    count: Counter = Counter()
    found = []
    for one in mutants:
        count[one.name] += 1
        again = f" ({count[one.name]})" if count[one.name] > 1 else ""
        found.append(Mutant(one.place, one.before, one.after + again, one.source))
    return found
