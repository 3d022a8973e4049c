"""Evaluates Argo's conditions, `when` and `retryStrategy.expression`, with the operators that both languages share.

Argo supports more; what is not supported here is an error, not a guess.
"""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>"[^"]*"|'[^']*')|(?P<name>[A-Za-z_][\w.-]*)"""
    r"""|(?P<sign>\|\||&&|==|!=|<=|>=|[!<>()\[\],?:]))"""
)
WORDS = {"true": True, "false": False, "nil": None}
CALLS = {"asInt": int, "int": int, "asFloat": float, "float": float, "string": str, "indexOf": str.find, "len": len}
# From lowest to highest precedence.
LEVELS = (
    {"||": lambda one, other: bool(one or other), "or": lambda one, other: bool(one or other)},
    {"&&": lambda one, other: bool(one and other), "and": lambda one, other: bool(one and other)},
    {
        "==": lambda one, other: one == other,
        "!=": lambda one, other: one != other,
        "<": lambda one, other: one < other,
        ">": lambda one, other: one > other,
        "<=": lambda one, other: one <= other,
        ">=": lambda one, other: one >= other,
        "in": lambda one, other: one in other,
        "contains": lambda one, other: other in one,
        "startsWith": lambda one, other: one.startswith(other),
        "endsWith": lambda one, other: one.endswith(other),
        "matches": lambda one, other: bool(re.search(other, one)),
    },
)


def evaluate(text, **values):
    """Return the value of an expression; names such as lastRetry.exitCode are looked up in nested `values`."""
    tokens, position = [], 0
    text = text.strip()
    while position < len(text):
        found = TOKEN.match(text, position)
        assert found, f"not known here: {text[position:]!r}"
        tokens.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    remaining = [*tokens, ("end", "")]
    value = _choice(remaining, values)
    assert remaining == [("end", "")], f"not known here: {text!r}"
    return value


def _take(remaining, *wanted):
    if remaining[0][1] in wanted and remaining[0][0] != "text":
        return remaining.pop(0)[1]
    return None


def _choice(remaining, values):
    value = _level(0, remaining, values)
    if _take(remaining, "?"):
        yes = _choice(remaining, values)
        assert _take(remaining, ":")
        no = _choice(remaining, values)
        return yes if value else no
    return value


def _level(number, remaining, values):
    if number == len(LEVELS):
        return _operand(remaining, values)
    value = _level(number + 1, remaining, values)
    while operator := _take(remaining, *LEVELS[number]):
        value = LEVELS[number][operator](value, _level(number + 1, remaining, values))
    return value


def _operand(remaining, values):
    if _take(remaining, "!", "not"):
        return not _operand(remaining, values)
    if opened := _take(remaining, "(", "["):
        items = _items(remaining, values)
        return items[0] if opened == "(" and len(items) == 1 else items
    kind, word = remaining.pop(0)
    if kind == "number":
        return float(word) if "." in word else int(word)
    if kind == "text":
        return word[1:-1]
    assert kind == "name", f"not known here: {word!r}"
    if _take(remaining, "("):
        return CALLS[word](*_items(remaining, values))
    return WORDS[word] if word in WORDS else _look_up(word, values)


def _items(remaining, values):
    """Parse the items inside brackets, after the opening bracket."""
    items = []
    while not _take(remaining, ")", "]"):
        items.append(_choice(remaining, values))
        _take(remaining, ",")
    return items


def _look_up(name, values):
    for part in name.split("."):
        values = values[part]
    return values
