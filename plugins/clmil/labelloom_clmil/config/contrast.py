"""The options of the contrastive stage: its sampler and its task."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from labelloom.config import Config

Rule = Literal["at-most-mean", "never", "disjoint"]


def _number_or_share(value: object) -> object:
    """A bound as it is. Raises ValueError for what is neither a number of documents nor a share of them."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ValueError(
        "expected a number of training documents, 1 or more, or a share of them, above 0.0 and below 1.0, not "
        f"{value!r}"
    )


class FrequencyContrastConfig(Config):
    """`clmil/label-frequency-contrast`."""

    low_frequency: Annotated[int | float, BeforeValidator(_number_or_share)] = Field(
        1000 / 53840,
        description="A label is rare that fewer training documents carry: a whole number of them, or a share.",
    )
    negatives: int = Field(
        1,
        ge=1,
        description="Documents that each anchor brings as its negatives; whoever else of a step may be one is, too.",
    )
    rule: Rule = Field(
        "at-most-mean",
        description="What a negative must not carry besides the anchor's own labels: those that go with one of these "
        "in more training documents than labels do on average, those that go with one at all, or nothing else.",
    )


class InfoNCEConfig(Config):
    """`clmil/info-nce`."""

    temperature: float = Field(
        0.05, gt=0, description="What cosines are divided by: 0.05 multiplies them by 20; 20 divides them, as printed."
    )
    denominator: Literal["positive-once", "as-printed"] = Field(
        "positive-once",
        description="How often the positive is counted there: once, or as eq. 1 is printed once for each negative.",
    )
