"""The values that a search tries: ranges and choices for the parameters of one network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from components.common.errors import UserError
from components.common.params import Params


class Range(BaseModel):
    """Numbers from `low` to `high`; with `log`, uniform on a logarithmic scale; whole numbers stay whole."""

    model_config = ConfigDict(extra="forbid")
    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def check_bounds(self) -> Range:
        """Refuse a range that is empty, or logarithmic and not positive."""
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 with log")
        return self


Choices = Annotated[list[bool | int | float | str | None], Field(min_length=2)]
Space = dict[str, Range | Choices]


def parse_space(tree: Any, name: str) -> Space:
    """Validate a search space, parameter to range or list; raises UserError."""
    try:
        return TypeAdapter(Space).validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = first["loc"][0] if first["loc"] else "search space"
        raise UserError(f"{name}: {where}: give {{low: .., high: ..}} or a list of choices") from error


def samples(values: Range | list) -> Iterator[Any]:
    """Values that together represent a parameter's space: every choice, or the ends of a range and one in between."""
    if isinstance(values, list):
        yield from values
    elif isinstance(values.low, int) and isinstance(values.high, int):
        yield from (values.low, values.low + 1, values.high)
    else:
        yield from (values.low, values.low + 0.37 * (values.high - values.low), values.high)


def check_space(space: Space, params: Params, network: str) -> None:
    """Refuse a space with an unknown parameter, or a value that its parameter never accepts; raises UserError.

    Values that only contradict those of other parameters pass: a trial that draws them is left out.
    """
    for parameter, values in space.items():
        for value in samples(values):
            try:
                changed(params, network, {parameter: value})
            except ContradictionError:
                continue


class ContradictionError(UserError):
    """Parameter values that are each valid but contradict each other."""


def changed(params: Params, network: str, values: dict[str, Any]) -> Params:
    """Return parameters with other values for some of a network's, e.g. {"augment.rotate": 20}.

    Raises:
        ContradictionError: the values contradict each other, or those of other parameters.
        UserError: there is no such parameter, or it does not accept the value.
    """
    tree = params.model_dump(mode="json")
    for parameter, value in values.items():
        *groups, name = parameter.split(".")
        place = tree[network]
        for group in groups:
            place = place.get(group) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place:
            raise UserError(f"search space: {network} has no parameter {parameter}; params.yaml lists them")
        place[name] = value
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        message = f"search space: {'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
        raise (UserError if len(first["loc"]) > 1 else ContradictionError)(message) from error
