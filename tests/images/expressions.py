"""Argo's conditions, `when` and `retryStrategy.expression`, evaluated: the operators that both of its languages share.

Argo knows more; whatever is not known here is an error, not a guess.
"""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>"[^"]*"|'[^']*')|(?P<name>[A-Za-z_][\w.-]*)"""
    r"""|(?P<sign>\|\||&&|==|!=|<=|>=|[!<>()\[\],?:]))"""
)
WORDS = {"true": True, "false": False, "nil": None}
CALLS = {"asInt": int, "int": int, "asFloat": float, "float": float, "string": str, "indexOf": str.find, "len": len}
# From those that bind least to those that bind most.
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
    """The value of an expression; names such as lastRetry.exitCode are looked up in `values`, level by level."""
    tokens, place = [], 0
    text = text.strip()
    while place < len(text):
        found = TOKEN.match(text, place)
        assert found, f"not known here: {text[place:]!r}"
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    left = [*tokens, ("end", "")]
    value = _choice(left, values)
    assert left == [("end", "")], f"not known here: {text!r}"
    return value


def _take(left, *wanted):
    if left[0][1] in wanted and left[0][0] != "text":
        return left.pop(0)[1]
    return None


def _choice(left, values):
    value = _level(0, left, values)
    if _take(left, "?"):
        yes = _choice(left, values)
        assert _take(left, ":")
        no = _choice(left, values)
        return yes if value else no
    return value


def _level(number, left, values):
    if number == len(LEVELS):
        return _single(left, values)
    value = _level(number + 1, left, values)
    while operator := _take(left, *LEVELS[number]):
        value = LEVELS[number][operator](value, _level(number + 1, left, values))
    return value


def _single(left, values):
    if _take(left, "!", "not"):
        return not _single(left, values)
    if opened := _take(left, "(", "["):
        items = _items(left, values)
        return items[0] if opened == "(" and len(items) == 1 else items
    kind, word = left.pop(0)
    if kind == "number":
        return float(word) if "." in word else int(word)
    if kind == "text":
        return word[1:-1]
    assert kind == "name", f"not known here: {word!r}"
    if _take(left, "("):
        return CALLS[word](*_items(left, values))
    return WORDS[word] if word in WORDS else _looked_up(word, values)


def _items(left, values):
    """What stands between brackets of which the first has been taken."""
    items = []
    while not _take(left, ")", "]"):
        items.append(_choice(left, values))
        _take(left, ",")
    return items


def _looked_up(name, values):
    for part in name.split("."):
        values = values[part]
    return values
