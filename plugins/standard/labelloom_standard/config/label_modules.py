"""The options of label modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from labelloom.components import Component
from labelloom.config import Config, Signature


class LabelTableConfig(Config):
    """`standard/label-table`."""

    width: int | None = Field(
        None, gt=0, description="Width of a label's vector; default that of `tokens`, or else of `document`."
    )
    init: Literal["random", "names", "descriptions"] = Field(
        "random",
        description="How vectors start: at random, or as the mean of the encoder's tokens of the label's name, or of "
        "its description (of its name where there is none).",
    )
    std: float | None = Field(
        None, gt=0, description="Standard deviation of the numbers of a random vector; default 1 / sqrt(width)."
    )
    sparse: bool = Field(
        False,
        description="Whether a step computes gradients and moves moments of those rows alone that it looks up: for "
        "many labels of which a sampler draws a few.",
    )

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """The encoder's tokens are needed where names, descriptions or the default width come from them."""
        if self.init != "random":
            needs = frozenset({"tokens"})
        else:
            needs = frozenset({"tokens | document"}) if self.width is None else frozenset()
        return Signature(needs=needs, gives=record.gives)


class LabelAttentionConfig(Config):
    """`standard/label-attention`."""

    dropout: float = Field(0.0, ge=0, lt=1, description="On the label vectors that it gives.")


class LabelQueryConfig(Config):
    """`standard/label-query`."""

    width: int | None = Field(None, gt=0, description="Width of a label's vector; default that of `tokens`.")
    heads: int = Field(1, gt=0, description="Attention heads; the width must be a multiple.")
    dropout: float = Field(0.0, ge=0, lt=1, description="On what the attention found, before it joins the label.")
