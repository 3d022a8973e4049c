"""Parameters of training: what both networks share, and each network's own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.common.params.values import Group, Positive, Rate, Side


class Augment(Group):
    flip: bool
    rotate: Annotated[float, Field(ge=0, le=180)]
    zoom: Annotated[float, Field(ge=0, le=0.5)]
    shift: Annotated[float, Field(ge=0, le=0.5)]
    intensity: Annotated[float, Field(ge=0, le=0.9)]
    gamma: Annotated[float, Field(ge=0, le=1)]
    bias: Annotated[float, Field(ge=0, le=0.9)]
    elastic: Annotated[float, Field(ge=0, le=0.2)]
    blur: Annotated[float, Field(ge=0, le=1)]
    missing: Annotated[float, Field(ge=0, lt=1)]
    thick: Annotated[float, Field(ge=0, le=1)]


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
    def check_determinism(self) -> Training:
        """Refuse to promise bit-identical results under XLA, for which TensorFlow does not guarantee them."""
        if self.deterministic and self.xla == "on":
            raise ValueError(
                "deterministic and xla: on contradict each other; set deterministic to false, or xla to auto"
            )
        return self


class Recipe(Group):
    """What the training of both networks shares."""

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
    start: str | None
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
    def check_strategy(self) -> Classifier:
        """Refuse strategies with a phase that would never start, or would learn nothing."""
        if self.strategy == "frozen_then_finetune" and self.head_epochs >= self.epochs:
            raise ValueError(
                f"head_epochs is {self.head_epochs}, and there are {self.epochs} epochs in all: none is left to "
                "finetune; lower head_epochs or raise epochs"
            )
        if self.strategy != "finetune" and self.weights == "none" and self.start is None:
            raise ValueError(
                f"strategy {self.strategy} needs pre-trained weights: a head on random features learns nothing; "
                "set weights or start, or strategy to finetune"
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
    soft_masks: bool
    tumor_share: Rate | None
    draw: Literal["slices", "patients"]
    paste: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def check_backbone(self) -> Segmenter:
        """Refuse pre-trained weights without a backbone to load them into."""
        if self.backbone is None and self.weights != "none":
            raise ValueError(f"weights is {self.weights}, and there is no backbone to take them; set backbone, too")
        return self

    @model_validator(mode="after")
    def check_image_size(self) -> Segmenter:
        """Refuse more pooling steps than the side can be halved."""
        if self.image_size % 2 ** len(self.filters):
            raise ValueError(f"image_size {self.image_size} can't be halved {len(self.filters)} times, once per filter")
        return self
