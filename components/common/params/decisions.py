"""Parameters of the decisions about a model: its thresholds, the gate, the registry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.common.params.values import Fraction, Group, Positive, Share, Table


class Assemble(Group):
    sensitivity: Share
    refer: Share
    mirror: bool
    smooth: bool


class Evaluate(Group):
    clinical: Table


class Gate(Group):
    min_auroc: Fraction
    min_sensitivity: Fraction
    min_specificity: Fraction
    min_volume_dice: Fraction
    min_pooled_dice: Fraction
    min_cohort_volume_dice: Fraction
    cohort_patients: Positive
    champion: Annotated[str, Field(min_length=1)]
    margin: Fraction


class Registry(Group):
    git_remote: str | None
