"""`label_attention`: the attention between labels of a run, beside how they go together in its training split."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labelloom.data.corpus import Split
from labelloom.data.labels import LabelSpace
from labelloom.data.statistics import CorpusStatistics
from labelloom.errors import RunError
from labelloom.runs.classifier import Classifier
from labelloom.runs.network import Network
from labelloom.wording import counted
from labelloom_standard.slot_analysis.attention import Layers, mean_slot_attention
from labelloom_standard.slot_analysis.heat_map import Panel, heat_maps_svg
from labelloom_standard.slot_analysis.relations import (
    Agreement,
    agreement,
    figure,
    label_correlation,
    strongest,
)


@dataclass(frozen=True)
class LabelAttention:
    """What labels pay each other of a model's attention, and how they go together.

    attention    (L, L) float64: what label i pays to label j, averaged over heads and documents
    correlation  (L, L) float64: phi of two labels in the training split; NaN where a label never or always stands
    """

    run: str
    labels: LabelSpace
    split: str
    documents: int
    trained_on: int
    layers: Layers
    attention: np.ndarray
    correlation: np.ndarray

    @property
    def agreement(self) -> Agreement:
        """Of the two. Raises DataError when there is nothing to compare."""
        return agreement(self.attention, self.correlation)

    def strongest(self, count: int) -> list[dict[str, Any]]:
        """The pairs of labels with the most attention, in one direction each."""
        return [self._pair(i, j) for i, j in strongest(self.attention, count)]

    def most_correlated(self, count: int) -> list[dict[str, Any]]:
        """The pairs of labels that go together most, each once, with the attention in both directions."""
        pairs = strongest(self.correlation, count)
        return [{**self._pair(i, j), "back": float(self.attention[j, i])} for i, j in pairs]

    def _pair(self, i: int, j: int) -> dict[str, Any]:
        known = bool(np.isfinite(self.correlation[i, j]))
        return {
            "from": self.labels.codes[i],
            "to": self.labels.codes[j],
            "attention": float(self.attention[i, j]),
            "correlation": float(self.correlation[i, j]) if known else None,
        }

    @property
    def about(self) -> str:
        """What was averaged, in words."""
        layer = "last layer" if self.layers == "last" else "mean of all layers"
        return f"{layer}, {counted(self.documents, 'document')} of {self.split}"

    def svg(self) -> str:
        """Both matrices as a picture, with the codes of the labels."""
        found = self.agreement
        numbers = [("Pearson", found.pearson), ("Spearman", found.spearman)]
        told = ", ".join(f"{name} {figure(value)}" for name, value in numbers)
        panels = [
            Panel(f"attention ({self.about})", self.attention, "from", "to"),
            Panel(f"correlation ({counted(self.trained_on, 'document')} of train)", self.correlation),
        ]
        title = f"{self.run}: attention between labels, and their correlation"
        return heat_maps_svg(title, f"{told}, over {found.pairs:,} pairs", panels, self.labels.codes)

    def to_json(self) -> dict[str, Any]:
        """All of it, as values that JSON has."""
        matrices = {"attention": self.attention, "correlation": self.correlation}
        return {
            "run": self.run,
            "split": self.split,
            "documents": self.documents,
            "layers": self.layers,
            "labels": list(self.labels.codes),
            **asdict(self.agreement),
            **{
                name: [[value if np.isfinite(value) else None for value in row] for row in matrix.tolist()]
                for name, matrix in matrices.items()
            },
        }


def label_attention(
    classifier: Classifier,
    split: Split,
    statistics: CorpusStatistics,
    *,
    part: str | None = None,
    layers: Layers = "last",
    batch_size: int = 8,
) -> LabelAttention:
    """The attention between the labels in a run's input (Song et al. 2021 section 5.6.1), and their correlation.

    Args:
        classifier: a loaded run whose encoder has a slot or a token for each label.
        split: whose documents are read, with no label told.
        statistics: `corpus.statistics` of the corpus that the run was trained on.
        part: the path of the encoder, where several have labels in their input.
        layers: the last one, or the mean of all.
        batch_size: of documents that are read at once; all layers' attention of them is held in memory.

    Raises:
        RunError: when the run is a linear baseline, or no encoder has labels in its input, or several have.
    """
    if not isinstance(classifier.model, Network):
        raise RunError(
            f"{classifier.name} is a linear baseline, which has no attention",
            suggestions=["a run whose encoder has a slot or a token for each label"],
        )
    attention = mean_slot_attention(classifier.model.assembly, split, part, layers, batch_size)
    return LabelAttention(
        classifier.name,
        classifier.labels,
        split.name,
        len(split),
        statistics.document_count,
        layers,
        attention,
        label_correlation(statistics),
    )
