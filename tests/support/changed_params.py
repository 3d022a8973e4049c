"""Parameters, some of which differ from params.yaml."""

from __future__ import annotations

import copy

from conftest import tiny_tree

from components.common import params

TREE = tiny_tree()


def params_with(**parameters):
    """Parameters with other values for these; a double underscore stands for a dot."""
    tree = copy.deepcopy(TREE)
    for parameter, value in parameters.items():
        *groups, name = parameter.replace("__", ".").split(".")
        place = tree
        for group in groups:
            place = place[group]
        place[name] = value
    return params.parse(tree)
