"""The options of predictors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labelloom.config import Config


class LinearConfig(Config):
    """`standard/linear`."""

    dropout: float = Field(0.0, ge=0, lt=1, description="On the document vector.")


class LabelLinearConfig(Config):
    """`standard/label-linear`."""

    weights: Literal["shared", "per-label"] = Field(
        "shared", description="One weight vector and bias for all labels, or one of each label's own."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="On the label vectors.")
