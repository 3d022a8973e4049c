"""Parameters of the stages that prepare data: demo, ingest, split, convert, validate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from components.common.params.values import Group, Positive, Share, Table
from components.common.problems import REMEDIES

Action = Literal["refuse", "quarantine", "warn"]


class Demo(Group):
    patients: Annotated[int, Field(ge=3, le=1000)]
    slices: Annotated[int, Field(ge=6, le=200)]
    size: Annotated[int, Field(ge=64, le=512)]


class Ingest(Group):
    patients: Annotated[int, Field(ge=3)] | None
    workers: Positive | None
    size: Annotated[int, Field(ge=32, le=1024)]
    spacing: Annotated[float, Field(gt=0, le=10)]
    channels: Annotated[list[str], Field(min_length=1, max_length=16)]
    policy: dict[str, Action]

    @field_validator("policy")
    @classmethod
    def check_policy(cls, policy: dict[str, Action]) -> dict[str, Action]:
        """Refuse unknown kinds of problems, and kinds without an action."""
        wrong = sorted(set(policy) ^ set(REMEDIES))
        if wrong:
            raise ValueError(f"{wrong[0]}: {'missing' if wrong[0] in REMEDIES else 'there is no such kind'}")
        return policy

    @model_validator(mode="after")
    def check_channels(self) -> Ingest:
        """Refuse channels that lack FLAIR or name a sequence twice."""
        named = [name for name in self.channels if name in ("pre", "flair", "post")]
        if "flair" not in named or len(named) != len(set(named)):
            raise ValueError("channels must name flair once, and pre and post at most once")
        return self


class Split(Group):
    val: Share
    test: Share
    folds: Annotated[int, Field(ge=2, le=100)]
    fold: Annotated[int, Field(ge=0)] | None
    holdout_sites: list[str]
    file: Table
    near: Annotated[int, Field(ge=0, le=64)]
    look_alikes: Literal["refuse", "warn"]

    @model_validator(mode="after")
    def check_exclusive(self) -> Split:
        """Refuse two answers to the question of which patients are tested."""
        if sum([self.fold is not None, bool(self.holdout_sites), self.file is not None]) > 1:
            raise ValueError("fold, holdout_sites and file exclude each other")
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}, and folds are numbered 0 to {self.folds - 1}")
        return self

    @model_validator(mode="after")
    def check_shares(self) -> Split:
        """Refuse fractions that leave nothing to train on."""
        if self.val + self.test >= 0.9:
            raise ValueError("val and test together leave less than a tenth of the patients for training")
        return self


class Convert(Group):
    shards: Annotated[int, Field(ge=1, le=1000)]
    gzip_level: Annotated[int, Field(ge=0, le=9)]
    beam_args: list[str]
    storage: str | None

    @property
    def beam_args_here(self) -> list[str]:
        """Return the Beam flags for jobs that read this machine's disk, replacing those that name workers elsewhere."""
        return self.beam_args if self.storage is None else ["--runner=FnApiRunner", "--direct_num_workers=1"]


class Drift(Group):
    action: Literal["warn", "refuse"]
    level: Share
