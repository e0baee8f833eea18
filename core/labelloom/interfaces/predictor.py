"""Predictors: fields to scores.

A whole one, as a bundle author writes it; it scores 54 labels, four negatives a document or a chunk of half a million
with the same lines:

    class Dot(Predictor):                     # its record: needs={"document", "label_table"}, gives={"scores"}
        def __init__(self, config, context):
            super().__init__(config, context)
            self.project = nn.Linear(context.width("document"), context.width("label_table"))

        def forward(self, states, batch):
            labels = states.label_table(batch.label_ids)                                     # (1 or B, C, K)
            return states.add(scores=(labels @ self.project(states.document)[..., None])[..., 0])  # (B, C)
"""

from __future__ import annotations

from labelloom.interfaces.batch import Batch
from labelloom.interfaces.part import Part
from labelloom.interfaces.states import States


class Predictor(Part):
    """Gives `scores` (B, C) for the labels of `batch.label_ids`: logits when its task trains more than ranks."""

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with `scores` added."""
        raise NotImplementedError
