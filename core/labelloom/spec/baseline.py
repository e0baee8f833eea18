"""The settings of `labelloom baseline`. Light: pydantic alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from labelloom.components import Scale
from labelloom.spec.data import DataSettings
from labelloom.spec.decision import DecisionSettings

Method = Literal["br", "cc", "lp"]
Family = Literal["svm", "logistic"]
ClassWeight = Literal["none", "balanced"]

PENALTIES: dict[Family, tuple[float, ...]] = {"svm": (0.25, 1.0, 4.0), "logistic": (1.0, 10.0, 100.0)}
"""The values of C that are tried where none is given; logistic regression wants less of a penalty."""


class BaselineSettings(BaseModel):
    """`[baseline]`: tf-idf and linear classifiers. Of several values the one that does best on validation is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: Method = Field("br", description="Binary relevance, classifier chain or label powerset.")
    classifier: Family = Field("svm", description="A linear SVM (squared hinge loss), or logistic regression.")
    ngrams: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(
        (1, 2), min_length=1, description="Longest sequences of words that are features."
    )
    class_weights: tuple[ClassWeight, ...] = Field(
        ("none", "balanced"), min_length=1, description="Whether the rarer class of a label weighs as much in all."
    )
    c: tuple[Annotated[float, Field(gt=0)], ...] = Field((), description="Inverse strength of the penalty.")
    metric: Literal["micro_f1", "macro_f1"] = Field("micro_f1", description="What chooses among several values.")
    splitter: str = Field("words", description="What splits texts into words.")
    min_count: int = Field(2, ge=1, description="How many training documents a feature must occur in.")
    max_features: int = Field(200_000, ge=1, description="Most features, the most frequent first.")
    prune: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Weights below this share of a classifier's largest are dropped: 0.01 makes runs with many labels "
        "smaller and hardly changes scores.",
    )

    @property
    def scale(self) -> Scale:
        """What its scores are: those of logistic regression are probabilities."""
        return "probabilities" if self.classifier == "logistic" else "ranks"

    @property
    def penalties(self) -> tuple[float, ...]:
        """The values of C to try."""
        return self.c or PENALTIES[self.classifier]


class BaselineSpec(BaseModel):
    """What a run of `labelloom baseline` was made from: its `spec.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="The run's folder is runs/<name>/<seed>.")
    data: DataSettings
    baseline: BaselineSettings = Field(default_factory=BaselineSettings)
    decision: DecisionSettings = Field(default_factory=DecisionSettings)
    seed: int = Field(0, ge=0, description="The order of a chain and the solver's random numbers follow from it.")
