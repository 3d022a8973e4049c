"""Dice, at its former address; the metrics live in `components.evaluation`."""

from components.evaluation.masks import dice

__all__ = ["dice"]
