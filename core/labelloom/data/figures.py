"""The figures of a corpus: what `overview` counts, split by split, and how JSON has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labelloom.data.labels import LabelSpace


@dataclass(frozen=True)
class Spread:
    """How a number spreads over documents; all 0 where there is none."""

    mean: float
    median: float
    most: int
    percentile_95: float

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        """Of (N,) numbers."""
        if not len(values):
            return cls(0.0, 0.0, 0, 0.0)
        median, high = np.percentile(values, [50, 95])
        return cls(float(values.mean()), float(median), int(values.max()), float(high))


@dataclass(frozen=True)
class SplitOverview:
    """What is counted over one split, or over all of them.

    documents          N
    labels             labels that occur
    cardinality        labels a document, on average
    most_labels        the most that one document has
    density            cardinality over the number of all labels
    label_sets         distinct ones, the empty one included
    words, characters  lengths of the texts
    without_label      documents that have none
    without_text       documents with nothing but white space
    repeated           documents whose text an earlier one of this split has
    shared             by the name of an earlier split, documents whose text that has too
    unseen             labels that occur here and not in train
    """

    name: str
    documents: int
    labels: int
    cardinality: float
    most_labels: int
    density: float
    label_sets: int
    words: Spread
    characters: Spread
    without_label: int
    without_text: int
    repeated: int
    shared: Mapping[str, int]
    unseen: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Two labels that occur together in `count` training documents; `phi` is Pearson's correlation of the two."""

    first: int
    second: int
    count: int
    phi: float


@dataclass(frozen=True)
class Group:
    """Labels of one band of frequency: how many, and how many label occurrences they make up."""

    labels: int
    occurrences: int


@dataclass(frozen=True)
class Example:
    """A document as it was read; `labels` are ids."""

    id: str
    text: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Overview:
    """What a corpus looks like. Frequencies, groups and pairs are those of the training split.

    format       as `data.format` calls it; empty for a data set of the hub
    splits       by name, those of the source in their order; `whole` is all of them together
    frequency    (L,) int64
    groups       "head", "mid" and "tail", as `CorpusStatistics.groups` divides
    scarce       for each number of `SCARCE`, the labels with fewer training documents
    pairs        the most correlated pairs, best first; None where there are too many to count
    train_only   labels of train that test never has, or else validation; empty without either
    """

    name: str
    format: str
    labels: LabelSpace
    splits: Mapping[str, SplitOverview]
    whole: SplitOverview
    frequency: np.ndarray
    groups: Mapping[str, Group]
    scarce: Mapping[int, int]
    pairs: tuple[Pair, ...] | None
    train_only: tuple[int, ...]
    example: Example
    notes: tuple[str, ...]

    def by_frequency(self) -> np.ndarray:
        """(L,) label ids, the most frequent first; equal ones in the label order."""
        return np.argsort(-self.frequency, kind="stable")

    def to_json(self) -> dict[str, Any]:
        """All of it in what JSON can hold, labels by their codes."""
        codes = self.labels.codes
        return {
            "name": self.name,
            "format": self.format or None,
            "labels": len(codes),
            "splits": {name: self._split(split) for name, split in self.splits.items()},
            "all": self._split(self.whole),
            "groups": {name: asdict(group) for name, group in self.groups.items()},
            "labels_with_fewer_documents_than": {str(bound): count for bound, count in self.scarce.items()},
            "frequencies": [
                {"label": codes[label], "name": self.labels.names[label], "documents": int(self.frequency[label])}
                for label in self.by_frequency().tolist()
            ],
            "pairs": None
            if self.pairs is None
            else [
                {"labels": [codes[pair.first], codes[pair.second]], "documents": pair.count, "phi": pair.phi}
                for pair in self.pairs
            ],
            "labels_only_in_train": [codes[label] for label in self.train_only],
            "example": {**asdict(self.example), "labels": [codes[label] for label in self.example.labels]},
            "notes": list(self.notes),
        }

    def _split(self, split: SplitOverview) -> dict[str, Any]:
        told = asdict(split)
        del told["name"]
        told["unseen"] = [self.labels.codes[label] for label in split.unseen]
        return told
