"""Replaces the text of one value of a YAML document and keeps everything around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ruamel.yaml.nodes import CollectionNode, Node

GAP = re.compile(r" *(?=#)")


def replaced(text: str, path: Sequence[tuple[Node, Node]], new: str) -> str | None:
    """Replace a value.

    Args:
        text: the document.
        path: key and value of each mapping on the way to the value.
        new: new value, on one line.

    Returns:
        The whole text; None if the value is defined elsewhere, under another key's anchor.
    """
    key, value = path[-1]
    begin, end = value.start_mark.index, max(_ends(value))
    if any(inner.start_mark.index < outer.end_mark.index for outer, inner in path):
        return None
    end = begin + len(text[begin:end].rstrip(" \t\r\n"))
    colon = text.find(":", key.end_mark.index) + 1
    if isinstance(value, CollectionNode) and not value.flow_style:  # on separate lines
        first, last = text.rindex("\n", 0, begin) + 1, text.find("\n", end)
        rest = text[last + 1 :] if last >= 0 else ""
        return text[:colon] + _aligned(f" {new}", 0, text[colon:first]) + rest
    if begin == end:  # empty so far; the marks of an empty value lie wherever the next token begins
        return text[:colon] + _aligned(f" {new}", 0, text[colon:])
    return text[:begin] + _aligned(new, end - begin, text[end:])


def _ends(node: Node) -> Iterator[int]:
    """Yield where a value's text ends; a collection's own end mark lies after the comments that follow it."""
    if not isinstance(node, CollectionNode) or node.flow_style:
        yield node.end_mark.index
        return
    for child in node.value:
        for part in child if isinstance(child, tuple) else [child]:
            yield from _ends(part)


def _aligned(new: str, before: int, rest: str) -> str:
    """Return a value and what follows it; a trailing comment stays in its column as long as there is room."""
    gap = GAP.match(rest)
    if gap is None or not gap[0]:
        return new + rest
    return new + " " * max(1, len(gap[0]) + before - len(new)) + rest[gap.end() :]
