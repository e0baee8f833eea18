"""The options of the coarse view of the tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from labelloom.config import Config


class DilatedGatedConfig(Config):
    """`clmil/dilated-gated-cnn`."""

    dilations: list[Annotated[int, Field(gt=0)]] = Field(
        [1, 2, 5] * 4 + [1, 1, 1],
        min_length=1,
        description="How far apart the words are that a filter of each layer reads; as many layers as numbers.",
    )
    kernel: int = Field(3, gt=0, description="Words that a filter reads, of the last convolution too; an odd number.")
    width: int | None = Field(
        None, gt=0, description="Width of the layers, to which tokens are projected first; default that of `tokens`."
    )
    gate_bias: float = Field(
        -3.0,
        description="Where the biases of the gates start: the lower, the more of its input a layer passes on at first.",
    )
    gate_dropout: float = Field(0.0, ge=0, lt=1, description="On what the gates are the sigmoid of.")
    heads: int | None = Field(
        None, gt=0, description="Attention heads; default as many as come nearest to the layers' width."
    )
    head_width: int = Field(64, gt=0, description="Width of a head's queries, keys and values.")
    activation: Literal["linear", "relu"] = Field(
        "linear", description="What becomes of the last convolution's answers before their maximum."
    )

    @field_validator("kernel")
    @classmethod
    def _has_a_middle(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"{kernel} words have no middle: give an odd number, such as {kernel + 1}")
        return kernel
