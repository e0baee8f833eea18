"""The options of losses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from labelloom.config import Config

Reduction = Literal["sum", "mean"]
_REDUCTION = "Sum over labels and mean over documents, or mean over all labels of all documents."


class BCEConfig(Config):
    """`standard/bce`."""

    reduction: Reduction = Field("sum", description=_REDUCTION)
    positive_weight: float | Literal["balanced", "sqrt"] | None = Field(
        None,
        description="Factor of the loss of labels that a document carries, above 0; above 1 it favours recall. "
        '"balanced": of each label its own, documents without by documents with it in the training split; "sqrt": '
        "the square root of that.",
    )
    max_positive_weight: float | None = Field(
        None, gt=0, description='The most that "balanced" or "sqrt" give to a label.'
    )

    @model_validator(mode="after")
    def _weights_that_work(self) -> BCEConfig:
        if isinstance(self.positive_weight, int | float) and not self.positive_weight > 0:
            raise ValueError(f"positive_weight = {self.positive_weight:g} must be greater than 0")
        if self.max_positive_weight is not None and not isinstance(self.positive_weight, str):
            raise ValueError('max_positive_weight would be ignored: it caps positive_weight = "balanced" or "sqrt"')
        return self


class FocalConfig(Config):
    """`standard/focal`."""

    reduction: Reduction = Field("sum", description=_REDUCTION)
    gamma: float = Field(
        2.0, ge=0, description="How much labels that are told apart well lose weight; 0 is binary cross-entropy."
    )
    alpha: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Factor of labels that a document carries, 1 - alpha of the others; default both 1. The paper's "
        "detectors had 0.25.",
    )


class AsymmetricConfig(Config):
    """`standard/asymmetric`."""

    reduction: Reduction = Field("sum", description=_REDUCTION)
    gamma_positive: float = Field(0.0, ge=0, description="Focus on hard labels among those that a document carries.")
    gamma_negative: float = Field(4.0, ge=0, description="Focus on hard labels among the others.")
    margin: float = Field(
        0.05, ge=0, lt=1, description="Labels that a document does not carry cost nothing up to this probability."
    )
    focus_gradient: bool = Field(
        True, description="Whether the gradient flows through the focusing factors too, as in the paper."
    )


class SoftmaxConfig(Config):
    """`standard/softmax`."""

    normalised: bool = Field(
        True,
        description="Whether the labels of a document share a weight of 1 (pick-all-labels normalised), or have 1 "
        "each (pick-all-labels).",
    )
