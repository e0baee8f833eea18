"""The spec's `[decision]` table. Imports pydantic alone, so that a spec is checked without numpy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DecisionSettings(BaseModel):
    """How scores become answers.

    A value that the rule would ignore is refused, unless it is the default: a resolved spec, which writes out all
    defaults, stays valid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["fitted", "fixed", "top-k"] = Field(
        "fitted",
        description="Fitted: one threshold that does best on validation; fixed: `threshold`, for models that give "
        "probabilities; top-k: the k best labels of every document",
    )
    threshold: float = Field(0.5, gt=0, lt=1, description='The probability from which a label is given (rule "fixed")')
    k: int | None = Field(None, ge=1, description='How many labels each document gets (rule "top-k")')
    metric: Literal["micro_f1", "macro_f1"] = Field(
        "micro_f1", description='What the threshold is fitted for (rule "fitted")'
    )
    at_least_one: bool = Field(False, description="Give the best label of a document that would get none")

    @model_validator(mode="after")
    def _fits_the_rule(self) -> DecisionSettings:
        if self.rule == "top-k" and self.k is None:
            raise ValueError('rule = "top-k" needs k, the number of labels that each document gets: write k = 5, say')
        if self.rule != "top-k" and self.k is not None:
            raise ValueError(f'k = {self.k} means something only with rule = "top-k"; the rule here is "{self.rule}"')
        if self.rule != "fixed" and self.threshold != 0.5:
            raise ValueError(
                f'threshold = {self.threshold} means something only with rule = "fixed"; the rule here is "{self.rule}"'
            )
        if self.rule != "fitted" and self.metric != "micro_f1":
            raise ValueError(
                f'metric = "{self.metric}" means something only with rule = "fitted"; the rule here is "{self.rule}"'
            )
        return self
