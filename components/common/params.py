"""Every parameter of params.yaml: its type, its range, and its value at the chosen scale.

A value that depends on the scale is written as one mapping, `{demo: 4, laptop: 20, full: 100}`; `load` picks the entry
that `scale` names, so there is one copy of the parameters and one switch.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from components.common.errors import UserError
from components.common.problems import REMEDIES
from components.common.yaml_text import read_yaml

Scale = Literal["demo", "laptop", "full"]
SCALES = ("demo", "laptop", "full")
Share = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
# Stands for "no table" in params.yaml: the stages that read tables depend on it, and DVC can't depend on nothing.
NO_TABLE = "own/none.csv"
Table = Annotated[str | None, BeforeValidator(lambda path: None if path == NO_TABLE else path)]
Side = Annotated[int, Field(ge=32, le=1024, multiple_of=16)]


class Group(BaseModel):
    """A group of parameters; unknown names are refused, because they are usually misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Demo(Group):
    patients: Annotated[int, Field(ge=3, le=1000)]
    slices: Annotated[int, Field(ge=6, le=200)]
    size: Annotated[int, Field(ge=64, le=512)]


Action = Literal["refuse", "quarantine", "warn"]


class Ingest(Group):
    patients: Annotated[int, Field(ge=3)] | None
    workers: Positive | None
    size: Annotated[int, Field(ge=32, le=1024)]
    spacing: Annotated[float, Field(gt=0, le=10)]
    channels: Annotated[list[str], Field(min_length=1, max_length=16)]
    policy: dict[str, Action]

    @field_validator("policy")
    @classmethod
    def name_every_kind(cls, policy: dict[str, Action]) -> dict[str, Action]:
        """Refuse unknown kinds of problems, and kinds without an action."""
        wrong = sorted(set(policy) ^ set(REMEDIES))
        if wrong:
            raise ValueError(f"{wrong[0]}: {'missing' if wrong[0] in REMEDIES else 'there is no such kind'}")
        return policy

    @model_validator(mode="after")
    def know_where_flair_is(self) -> Ingest:
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
    def choose_one_way(self) -> Split:
        """Refuse two answers to the question of which patients are tested."""
        if sum([self.fold is not None, bool(self.holdout_sites), self.file is not None]) > 1:
            raise ValueError("fold, holdout_sites and file exclude each other")
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}, and folds are numbered 0 to {self.folds - 1}")
        return self

    @model_validator(mode="after")
    def leave_some_for_training(self) -> Split:
        """Refuse shares that leave nothing to train on."""
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


class Augment(Group):
    flip: bool
    rotate: Annotated[float, Field(ge=0, le=180)]
    zoom: Annotated[float, Field(ge=0, le=0.5)]
    shift: Annotated[float, Field(ge=0, le=0.5)]
    intensity: Annotated[float, Field(ge=0, le=0.9)]
    gamma: Annotated[float, Field(ge=0, le=1)]
    bias: Annotated[float, Field(ge=0, le=0.9)]
    elastic: Annotated[float, Field(ge=0, le=0.2)]


class Training(Group):
    deterministic: bool
    devices: Literal["auto", "one"]
    gpu: Literal["optional", "required"]
    xla: Literal["auto", "on", "off"]
    cache: Annotated[str, Field(min_length=1)]
    checkpoints: Annotated[str, Field(min_length=1)]
    checkpoint_steps: Positive
    tensorboard: bool

    @model_validator(mode="after")
    def promise_no_more_than_xla_holds(self) -> Training:
        """Refuse to promise bit-identical results under XLA, for which TensorFlow does not guarantee them."""
        if self.deterministic and self.xla == "on":
            raise ValueError(
                "deterministic and xla: on contradict each other; set deterministic to false, or xla to auto"
            )
        return self


class Recipe(Group):
    """What the trainings of both networks share."""

    image_size: Side
    epochs: Positive
    batch_size: Positive
    accumulate: Annotated[int, Field(ge=1, le=1024)]
    learning_rate: Rate
    patience: Positive
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    average: Annotated[float, Field(ge=0, lt=1)]
    neighbors: Annotated[int, Field(ge=0, le=4)]
    normalization: Literal["slice", "unit"]
    augment: Augment


class Classifier(Recipe):
    backbone: str
    weights: str
    strategy: Literal["frozen", "finetune", "frozen_then_finetune"]
    head_epochs: Positive
    head_learning_rate: Rate
    imbalance: Literal["weight", "sample", "none"]
    pooling: Literal["avg", "max"]
    dropout: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def train_what_can_learn(self) -> Classifier:
        """Refuse strategies with a phase that would never start, or would learn nothing."""
        if self.strategy == "frozen_then_finetune" and self.head_epochs >= self.epochs:
            raise ValueError(
                f"head_epochs is {self.head_epochs}, and there are {self.epochs} epochs in all: none is left to "
                "finetune; lower head_epochs or raise epochs"
            )
        if self.strategy != "finetune" and self.weights == "none":
            raise ValueError(
                f"strategy {self.strategy} needs pre-trained weights: a head on random features learns nothing; "
                "set weights, or strategy to finetune"
            )
        return self


class Segmenter(Recipe):
    backbone: str | None
    weights: str
    filters: Annotated[list[Positive], Field(min_length=2, max_length=6)]
    norm: Literal["batch", "instance", "group"]
    head: Literal["sigmoid", "softmax"]
    upsampling: Literal["transpose", "nearest"]
    loss: Literal["focal_tversky", "tversky", "dice", "dice_crossentropy", "crossentropy", "weighted_crossentropy"]
    tumor_share: Rate | None

    @model_validator(mode="after")
    def have_a_place_for_weights(self) -> Segmenter:
        """Refuse pre-trained weights without a backbone to load them into."""
        if self.backbone is None and self.weights != "none":
            raise ValueError(f"weights is {self.weights}, and there is no backbone to take them; set backbone, too")
        return self

    @model_validator(mode="after")
    def halve_evenly(self) -> Segmenter:
        """Refuse more pooling steps than the side can be halved."""
        if self.image_size % 2 ** len(self.filters):
            raise ValueError(f"image_size {self.image_size} can't be halved {len(self.filters)} times, once a filter")
        return self


class Assemble(Group):
    sensitivity: Share
    refer: Share
    mirror: bool


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


class Params(Group):
    """All of params.yaml, with one value per parameter."""

    scale: Scale
    source: str
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    demo: Demo
    ingest: Ingest
    split: Split
    convert: Convert
    drift: Drift
    training: Training
    classifier: Classifier
    segmenter: Segmenter
    assemble: Assemble
    evaluate: Evaluate
    gate: Gate
    registry: Registry


def pick(value: Any, scale: str) -> Any:
    """Replace every mapping whose keys are scale names with its value for `scale`."""
    if isinstance(value, dict):
        if value and set(value) <= set(SCALES):
            if scale not in value:
                raise ValueError(f"has no value for scale {scale}")
            return value[scale]
        return {key: pick(inner, scale) for key, inner in value.items()}
    return value


def parse(tree: Any, name: str = "params.yaml") -> Params:
    """Validate a parsed params.yaml; raises UserError naming the first wrong parameter and the number of others."""
    if not isinstance(tree, dict):
        raise UserError(f"{name}: not a mapping of parameters; restore it with `git checkout {name}`")
    scale = tree.get("scale")
    if scale not in SCALES:
        raise UserError(f"{name}: scale is {scale!r}; choose one of {', '.join(SCALES)}")
    try:
        return Params.model_validate(pick(tree, scale))
    except ValidationError as error:
        # A misspelt parameter is also missing under its right name: report it as it was written.
        first, *others = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        knob, value = ".".join(str(part) for part in first["loc"]), repr(first["input"])
        what = (
            f"there is no such knob{_meant(knob, others)}"
            if first["type"] == "extra_forbidden"
            else first["msg"].removeprefix("Value error, ")
        )
        shown = f"; it is {value}" if len(value) < 60 and first["type"] not in ("extra_forbidden", "missing") else ""
        more = f" (and {len(others)} more)" if others else ""
        raise UserError(f"{name}: {knob}: {what}{shown}{more}") from error
    except ValueError as error:
        raise UserError(f"{name}: a value {error}; add it to the mapping") from error
    except RecursionError as error:
        raise UserError(f"{name}: an alias stands inside its own anchor; write the value itself") from error


def _meant(knob: str, others: list[Any]) -> str:
    """Return the missing parameter that most resembles an unknown one."""
    missing = [".".join(map(str, one["loc"])) for one in others if one["type"] == "missing"]
    return "".join(f"; did you mean {near}?" for near in difflib.get_close_matches(knob, missing, 1))


def load(path: str | Path = "params.yaml") -> Params:
    """Read and check params.yaml."""
    return parse(read_yaml(path, "not here; run glioflow in the project's top folder"), str(path))


def check_paths(tree: dict[str, Any], name: str = "params.yaml") -> None:
    """Refuse parameters that dvc.yaml uses as paths and that are not paths; raises UserError.

    Args:
        tree: parameters that `parse` accepts, as written in the file.
        name: name of the file.
    """
    for knob, value in {
        "source": tree["source"],
        "split.file": tree["split"]["file"],
        "evaluate.clinical": tree["evaluate"]["clinical"],
        "gate.champion": tree["gate"]["champion"],
    }.items():
        if not isinstance(value, str):
            none = f", or {NO_TABLE} for none" if knob in ("split.file", "evaluate.clinical") else ""
            raise UserError(f"{name}: {knob}: stages depend on it; give one path for all scales{none}")
