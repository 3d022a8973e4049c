"""Parameters at tiny sizes, with chosen values replaced."""

from __future__ import annotations

import copy

from conftest import tiny_tree

from components.common import params

TREE = tiny_tree()


def params_with(**parameters):
    """Parameters with these values replaced; a double underscore stands for a dot."""
    tree = copy.deepcopy(TREE)
    for parameter, value in parameters.items():
        *groups, name = parameter.replace("__", ".").split(".")
        parent = tree
        for group in groups:
            parent = parent[group]
        parent[name] = value
    return params.parse(tree)
