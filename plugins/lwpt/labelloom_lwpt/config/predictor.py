"""The options of the predictor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from labelloom.components import Component
from labelloom.config import Config, Signature, taken_away


class LabelWiseMLPConfig(Config):
    """`lwpt/label-wise-mlp`."""

    form: Literal["mlp", "linear", "diagonal"] = Field(
        "mlp",
        description="From all label vectors, one after the other, to the scores: two layers with a ReLU between them, "
        "as in the authors' code; one layer, as in the paper's eq. 16; or of each label's own vector alone.",
    )
    hidden: int | None = Field(None, gt=0, description='Width between the two layers of form = "mlp"; default 1024.')
    label_graph: bool = Field(
        False, description="Multiply the scores by a trained matrix of labels and labels that starts as the identity."
    )

    @model_validator(mode="after")
    def _a_width_that_is_used(self) -> LabelWiseMLPConfig:
        if self.form != "mlp" and self.hidden is not None:
            raise ValueError(f'form = "{self.form}" has one layer and no width between two: {taken_away("hidden")}')
        return self

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Where each label is scored by its own vector alone, any labels may be asked about."""
        alone = self.form == "diagonal" and not self.label_graph
        return Signature(record.needs, record.gives, labels="any" if alone else "all")
