"""The settings of training, for the whole run or one stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Beta = Annotated[float, Field(ge=0, lt=1)]


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
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay; biases, norms and embeddings are left out.")
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="AdamW's betas.")
    epsilon: float = Field(1e-8, gt=0, description="AdamW's epsilon.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps over which the rate rises from 0.")
    decay: Literal["linear", "cosine", "constant"] = Field("linear", description="The rate's shape after warm-up.")
    clip_norm: float | None = Field(1.0, gt=0, description="Largest norm of the gradient; omit with 'none'.")

    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="bf16 is about twice as fast on recent CPUs and GPUs; fp16 needs a GPU."
    )

    evaluate_every: int | None = Field(None, gt=0, description="Steps between validations; default once an epoch.")
    metric: str | None = Field(
        None,
        description="What chooses the best checkpoint: a metric on validation, 'loss' or 'loss.<task>'; default "
        "micro_f1 in stages that train scores, 'loss' in others.",
    )
    keep: Literal["best", "last"] = Field("best", description="The weights that a stage hands on.")
    patience: int | None = Field(None, gt=0, description="Stop after so many validations without a better one.")
    checkpoint_every: int | None = Field(
        None, gt=0, description="Steps between checkpoints to resume from; default at every validation."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_clipping(cls, values: object) -> object:
        # TOML has no null, so a spec writes the absence of clipping as a word.
        if isinstance(values, dict) and values.get("clip_norm") == "none":
            return {**values, "clip_norm": None}
        return values

    def overridden_by(self, stage: TrainingSettings | None) -> TrainingSettings:
        """These settings with what `stage` names explicitly in their place; its epochs replace steps."""
        if stage is None:
            return self
        own = stage.model_dump(exclude_unset=True)
        if "epochs" in own:
            own.setdefault("steps", None)
        return TrainingSettings.model_validate({**self.model_dump(exclude_unset=True), **own})
