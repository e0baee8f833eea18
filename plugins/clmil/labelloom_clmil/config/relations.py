"""The options of the task on label relations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labelloom.config import Config


class LabelRelationsConfig(Config):
    """`clmil/clrl`."""

    scope: Literal["document", "anchor"] = Field(
        "document",
        description="By way of which labels another one is indirectly related: of any that the document carries, as in "
        "the paper's table 1, or of the first of the pair alone, as in its text.",
    )
    draw: Literal["uniform", "balanced"] = Field(
        "uniform",
        description="How the second label is drawn: each one as likely, as in the paper, or each class that there is, "
        "and of that each label.",
    )
    pairs: int = Field(1, gt=0, description="Pairs drawn for a document in a step.")
    dropout: float = Field(0.0, ge=0, lt=1, description="On what is made of the two label vectors.")
