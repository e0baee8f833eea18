"""`representations`: how the documents of a split lie in a run's vectors, in figures and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelloom.data.corpus import Corpus, Split
from labelloom.data.statistics import HEAD_SHARE, MID_SHARE
from labelloom.errors import DataError, RunError
from labelloom.runs.classifier import Classifier
from labelloom.runs.folder import RunFolder
from labelloom.runs.network import Network
from labelloom.wording import counted
from labelloom_clmil.representations.groups import CLASSES, classes_of
from labelloom_clmil.representations.measures import (
    alignment,
    mean_cosine,
    normalised,
    principal_components,
    uniformity,
)
from labelloom_clmil.representations.scatter import Cloud, scatter_svg
from labelloom_clmil.representations.vectors import document_vectors, stage_of, untrained


@dataclass(frozen=True)
class Representations:
    """How documents lie in the vectors, of length 1, that one model makes of them.

    trained      whether the model is the run's, or the one that the run began with
    alignment    None where two passes of training are the same, as without dropout
    places       (N, 3) float64 along the first principal axes
    variance     (3,) the axes' shares of it
    classes      (N,) into `CLASSES`
    """

    run: str
    trained: bool
    stage: str | None
    split: str
    documents: int
    uniformity: float
    alignment: float | None
    mean_cosine: float
    places: np.ndarray
    variance: np.ndarray
    classes: np.ndarray

    @property
    def title(self) -> str:
        """The run, and which model of it."""
        return f"{self.run}, {'after' if self.trained else 'before'} training"

    def to_json(self) -> dict[str, Any]:
        """Its figures, without the documents' places."""
        counts = np.bincount(self.classes, minlength=len(CLASSES))
        return {
            "run": self.run,
            "trained": self.trained,
            "stage": self.stage,
            "split": self.split,
            "documents": self.documents,
            "uniformity": self.uniformity,
            "alignment": self.alignment,
            "mean_cosine": self.mean_cosine,
            "variance": self.variance.tolist(),
            "classes": {name: int(count) for name, count in zip(CLASSES, counts, strict=True) if count},
        }


def representations(
    classifier: Classifier,
    folder: RunFolder,
    corpus: Corpus,
    split: Split,
    *,
    stage: str | None = None,
    before: bool = False,
    most: int = 2000,
    batch_size: int = 32,
    bounds: tuple[float | int, float | int] = (HEAD_SHARE, MID_SHARE),
) -> list[Representations]:
    """How the documents of a split lie in the encoder's `document` (Li et al. 2023 figure 3).

    Args:
        classifier: a loaded run.
        folder: where the run lies.
        corpus: the one that it was trained on.
        split: whose documents are read; of their labels only the colours are made.
        stage: whose options the encoder has, such as reading the text alone; None for those of predictions.
        before: whether the model that the run began with comes first.
        most: documents that are read; of more, so many that are evenly spread over the split.
        batch_size: of documents that are read at once.
        bounds: from where a label is in the head and from where in the middle, as `CorpusStatistics.groups` has them.

    Raises:
        RunError: when the run is a linear baseline, it has no such stage, or its encoder gives no `document`.
        DataError: when the split has fewer than two documents.
    """
    if not isinstance(classifier.model, Network):
        raise RunError(
            f"{classifier.name} is a linear baseline, which has no vectors of documents",
            suggestions=["a run of labelloom train"],
        )
    chosen = stage_of(classifier.model, stage)
    if len(split) < 2:
        raise DataError(
            f"the {split.name} split has {counted(len(split), 'document')}: none lies apart from another",
            suggestions=["--split with the name of another one"],
        )
    if len(split) > most:
        rows = np.unique(np.linspace(0, len(split) - 1, most).astype(np.int64))
        split = split.select(split.name, rows)
    classes = classes_of(split.label_sets, corpus.statistics.groups(*bounds))
    networks = [(True, classifier.model)]
    if before:
        networks.insert(0, (False, untrained(classifier.model, folder, corpus)))
    found = []
    for trained, network in networks:
        whole, one, other = document_vectors(network, split, chosen, batch_size)
        vectors = normalised(whole)
        places, variance = principal_components(vectors)
        found.append(
            Representations(
                run=classifier.name,
                trained=trained,
                stage=stage,
                split=split.name,
                documents=len(split),
                uniformity=uniformity(vectors),
                alignment=None if np.array_equal(one, other) else alignment(normalised(one), normalised(other)),
                mean_cosine=mean_cosine(vectors),
                places=places,
                variance=variance,
                classes=classes,
            )
        )
    return found


def picture(found: Sequence[Representations], groups: str) -> str:
    """All of `found` side by side as SVG, on one scale; `groups` says what head, mid and tail labels are."""
    clouds = [
        Cloud(
            each.title,
            f"uniformity {each.uniformity:.3f}, PCs with {100 * each.variance.sum():.0f} % of the variance",
            each.places,
            each.classes,
        )
        for each in found
    ]
    told = ", ".join(sorted({f"{counted(each.documents, 'document')} of {each.split}" for each in found}))
    return scatter_svg(f"{told} by the groups of their labels", clouds, CLASSES, groups)
