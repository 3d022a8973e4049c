"""Kinds of values that parameters take, and the base of their groups."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

Share = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
Side = Annotated[int, Field(ge=32, le=1024, multiple_of=16)]
# Stands for "no table" in params.yaml: the stages that read tables depend on it, and DVC can't depend on nothing.
NO_TABLE = "own/none.csv"
Table = Annotated[str | None, BeforeValidator(lambda path: None if path == NO_TABLE else path)]


class Group(BaseModel):
    """A group of parameters; unknown names are refused, because they are usually misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def reject_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` and `false` in place of a number, which would silently become 1 and 0."""
        given = value if isinstance(value, list) else [value]
        switch = any(isinstance(one, bool) for one in given)
        if switch and not _takes_switch(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("it can't be true or false")
        return value


def _takes_switch(kind: Any) -> bool:
    return kind is bool or any(_takes_switch(one) for one in get_args(kind))
