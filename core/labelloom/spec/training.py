"""The settings of training, for the whole run or one stage."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Beta = Annotated[float, Field(ge=0, lt=1)]

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class TrainingSettings(BaseModel):
    """`[training]`, and `[stages.training]`, which overrides what it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: float = Field(10.0, gt=0, description="Passes over the training documents; ignored when `steps` is given.")
    steps: int | None = Field(None, gt=0, description="Optimiser steps, instead of epochs.")
    batch_size: int = Field(
        32, gt=0, description="Documents in one optimiser step, over all processes; rows that samplers add come on top."
    )
    accumulation: int = Field(
        1, gt=0, description="Parts into which a step's documents are cut, one after the other, to save memory."
    )
    group_by_length: bool = Field(True, description="Batch documents of similar length, so that little is padding.")

    learning_rate: float = Field(1e-3, gt=0, description="AdamW's rate for every part that `rates` does not name.")
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description='Rates by part: {"model.encoder" = 2e-5}; the longest path wins.'
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="The top layer of a part has its rate, each layer below it that of the one above times this; "
        "1 for one rate.",
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay; biases, norms and embeddings are left out.")
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="AdamW's betas.")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's epsilon.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps over which the rate rises from 0.")
    decay: Literal["linear", "cosine", "constant", "exponential"] = Field(
        "linear", description="The rate's shape after warm-up; exponential falls in stairs, from the first step on."
    )
    decay_factor: float = Field(0.9, gt=0, lt=1, description="What an exponential decay multiplies the rate by.")
    decay_every: int | None = Field(
        None, gt=0, description="Steps after which an exponential decay does so, each time; default those of an epoch."
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Largest norm of the gradient; omit with 'none'.")

    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="bf16 is about twice as fast on recent CPUs and GPUs; fp16 needs a GPU."
    )

    evaluate_every: int | None = Field(None, gt=0, description="Steps between validations; default once an epoch.")
    metric: str | None = Field(
        None,
        description="What chooses the best checkpoint: a metric on validation, 'loss', 'loss.<task>' or "
        "'<task>.<log>'; default micro_f1 in stages that train scores, 'loss' in others.",
    )
    keep: Literal["best", "last"] = Field("best", description="The weights that a stage hands on.")
    patience: int | None = Field(None, gt=0, description="Stop after so many validations without a better one.")
    checkpoint_every: int | None = Field(
        None, gt=0, description="Steps between checkpoints to resume from; default at every validation."
    )

    average: Literal["none", "ema", "swa"] = Field(
        "none",
        description="Which weights are validated and kept: the trained ones, their exponential moving average, or the "
        "plain mean of those after each step.",
    )
    average_decay: float = Field(0.999, gt=0, lt=1, description="How much of an exponential average a step leaves.")
    average_start: float | None = Field(
        None, ge=0, lt=1, description="Share of the stage after which averaging begins; default 0 for ema, 0.5 for swa."
    )
    time_budget: str | None = Field(
        None,
        description='Time for the whole run, "90s", "20m" or "1.5h"; epochs and steps are then an upper bound. Only at '
        "the top level.",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_clipping(cls, values: object) -> object:
        # TOML has no null, so a spec writes the absence of clipping as a word.
        if isinstance(values, dict) and values.get("clip_norm") == "none":
            return {**values, "clip_norm": None}
        return values

    @field_validator("time_budget", mode="before")
    @classmethod
    def _a_time(cls, value: object) -> object:
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?[smh]", value)):
            raise ValueError(f'expected a number with s, m or h, such as "20m", not {value!r}')
        if isinstance(value, str) and float(value[:-1]) == 0:
            raise ValueError("no time at all: nothing could be trained")
        return value

    @property
    def seconds(self) -> float | None:
        """The time budget in seconds."""
        return None if self.time_budget is None else float(self.time_budget[:-1]) * _SECONDS[self.time_budget[-1]]

    @property
    def averaged_from(self) -> float:
        """The share of the stage after which weights are averaged; infinite where they are not."""
        if self.average_start is not None and self.average != "none":
            return self.average_start
        return {"none": math.inf, "ema": 0.0, "swa": 0.5}[self.average]

    def overridden_by(self, stage: TrainingSettings | None) -> TrainingSettings:
        """These settings with what `stage` names explicitly in their place; its epochs replace steps."""
        if stage is None:
            return self
        own = stage.model_dump(exclude_unset=True)
        if "epochs" in own:
            own.setdefault("steps", None)
        return TrainingSettings.model_validate({**self.model_dump(exclude_unset=True), **own})
