"""Parameters of which some knobs were turned."""

from __future__ import annotations

import copy

from conftest import tiny_tree

from components.common import params

TREE = tiny_tree()


def turned(**knobs):
    """The parameters with some knobs at other values; a double underscore stands for a dot."""
    tree = copy.deepcopy(TREE)
    for knob, value in knobs.items():
        *groups, name = knob.replace("__", ".").split(".")
        place = tree
        for group in groups:
            place = place[group]
        place[name] = value
    return params.parse(tree)
