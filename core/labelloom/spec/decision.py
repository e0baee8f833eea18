"""The spec's `[decision]` table. Imports pydantic alone, so that a spec is checked without numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

RuleName = Literal["fitted", "fixed", "top-k", "per-label"]
CalibrationName = Literal["none", "temperature", "platt"]
FitMetric = Literal["micro_f1", "macro_f1"]

_BELONGS: dict[str, tuple[RuleName, ...]] = {
    "threshold": ("fixed",),
    "k": ("top-k",),
    "metric": ("fitted", "per-label"),
    "min_support": ("per-label",),
    "shrinkage": ("per-label",),
}
"""The rules to which a setting says something."""

_WRITTEN_OUT: dict[str, Any] = {"metric": "micro_f1"}
"""Values that resolved specs name with every rule although no rule asked for them."""


_ANY_RULE = ("calibration", "at_least_one")


def under_rule(rule: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """What still holds of the settings `own` where `rule` is asked for: another rule starts from its own defaults."""
    another = rule != own.get("rule", "fitted")
    return {key: value for key, value in own.items() if not another or key in _ANY_RULE}


class DecisionSettings(BaseModel):
    """How scores become answers.

    A value that the rule would ignore is refused, unless it is the default: a resolved spec, which writes out all
    defaults, stays valid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rule: RuleName = Field(
        "fitted",
        description="Fitted: one threshold that does best on validation; per-label: one for each label; fixed: "
        "`threshold`, for scores that are probabilities; top-k: the k best labels of every document",
    )
    threshold: float = Field(0.5, gt=0, lt=1, description='The probability from which a label is given (rule "fixed")')
    k: int | None = Field(None, ge=1, description='How many labels each document gets (rule "top-k")')
    metric: FitMetric | None = Field(
        None,
        description='What thresholds are fitted for; default micro_f1 for "fitted", macro_f1 (each label\'s own F1) '
        'for "per-label"',
    )
    min_support: int = Field(
        1,
        ge=1,
        description="Documents on validation that a label needs for a threshold of its own; rarer labels get the "
        'common one (rule "per-label")',
    )
    shrinkage: float = Field(
        3.0,
        ge=0,
        description="How strongly a label's own threshold is drawn to the common one: with n documents on validation "
        'it counts n / (n + shrinkage); 0 leaves it as it was fitted (rule "per-label")',
    )
    at_least_one: bool = Field(False, description="Give the best label of a document that would get none")
    calibration: CalibrationName = Field(
        "none",
        description="Scores mended on validation before the rule sees them. Temperature: one factor for the logits of "
        "probabilities; platt: a sigmoid with slope and intercept, which makes any scores probabilities",
    )

    @property
    def fitted_for(self) -> FitMetric:
        """The metric that thresholds are fitted for, the default filled in."""
        return self.metric or ("macro_f1" if self.rule == "per-label" else "micro_f1")

    @model_validator(mode="after")
    def _fits_the_rule(self) -> DecisionSettings:
        if self.rule == "top-k" and self.k is None:
            raise ValueError('rule = "top-k" needs k, the number of labels that each document gets: write k = 5, say')
        for name, rules in _BELONGS.items():
            value, default = getattr(self, name), type(self).model_fields[name].default
            if self.rule in rules or value in (default, _WRITTEN_OUT.get(name)):
                continue
            told = f'"{value}"' if isinstance(value, str) else f"{value:g}"
            known = " or ".join(f'rule = "{rule}"' for rule in rules)
            raise ValueError(f'{name} = {told} means something only with {known}; the rule here is "{self.rule}"')
        return self
