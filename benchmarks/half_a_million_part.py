"""The predictor of `half_a_million.py` that costs least."""

from __future__ import annotations

from labelloom import Batch, Component, Predictor, States


class Dot(Predictor):
    """scores_k = document . e_k, e_k the label's vector in the table."""

    component = Component(kind="predictor", needs=frozenset({"document", "label_table"}), gives=frozenset({"scores"}))

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        labels = batch.once_for_labels(lambda: states.first("label_table")(batch.label_ids), self.path)
        if len(labels) == 1:
            return states.add(scores=states.first("document") @ labels[0].mT)
        return states.add(scores=(labels @ states.first("document")[..., None])[..., 0])
