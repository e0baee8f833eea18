"""`LinearModel`: features and a fitted method, which rank labels as a network does; how they are saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from labelloom.components import Scale
from labelloom.data.corpus import Split
from labelloom.data.label_sets import LabelSets
from labelloom.errors import RunError
from labelloom.evaluation.depth import depth_for
from labelloom.evaluation.ranking import Ranking
from labelloom.linear.features import Features
from labelloom.linear.methods import METHODS, Chain, Fitted
from labelloom.spec.baseline import BaselineSettings

FEATURES_FILE = "features.json"
_SCORES_AT_ONCE = 20_000_000


@dataclass(frozen=True)
class LinearModel:
    """Texts to rankings of `label_count` = L labels."""

    features: Features
    method: Fitted
    settings: BaselineSettings
    label_count: int

    @property
    def scale(self) -> Scale:
        """What its scores are: those of logistic regression are probabilities."""
        return self.settings.scale

    def rank_texts(self, texts: Sequence[str], batch_size: int) -> Ranking:
        """The ranking of the labels for each text; `batch_size`, which a network needs, changes nothing here."""
        return rank(self.method, self.features.of(texts), self.label_count)[0]

    def rank_split(self, split: Split, batch_size: int) -> Ranking:
        """The same for the documents of a split."""
        return rank(self.method, self.features.of_split(split), self.label_count)[0]

    def score_labels(self, split: Split, labels: np.ndarray, batch_size: int) -> np.ndarray:
        """(N, R) float32: the scores of `labels` (R,) int64 for each of the N documents of a split."""
        features = self.features.of_split(split)
        found = np.empty((features.shape[0], len(labels)), dtype=np.float32)
        for start, end in _blocks(features.shape[0], max(self.label_count, len(self.method.bank.intercepts))):
            found[start:end] = self.method.scores(features[start:end])[0][:, labels]
        return found


def rank(method: Fitted, features: sp.csr_matrix, label_count: int) -> tuple[Ranking, LabelSets]:
    """The ranking and the method's own answers for the documents of `features` (N, F)."""
    documents = features.shape[0]
    depth = depth_for(documents, label_count)
    labels = np.empty((documents, depth), dtype=np.int64)
    scores = np.empty((documents, depth), dtype=np.float32)
    own: list[list[int]] = []
    for start, end in _blocks(documents, max(label_count, len(method.bank.intercepts))):
        dense, answers = method.scores(features[start:end])
        part = Ranking.from_dense(dense, depth)
        labels[start:end], scores[start:end] = part.labels, part.scores
        own += [np.flatnonzero(row).tolist() for row in answers]
    return Ranking(labels, scores, label_count), LabelSets.from_lists(own, label_count)


def _blocks(documents: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, _SCORES_AT_ONCE // width)
    return ((start, min(start + step, documents)) for start in range(0, documents, step))


def save_linear(model: LinearModel, weights: Path, assets: Path) -> None:
    """Weights as safetensors, the terms as JSON."""
    features = model.features
    save_file({**model.method.arrays(), "idf": features.idf}, weights)
    about = {"splitter": features.splitter, "ngrams": features.ngrams, "terms": features.terms}
    (assets / FEATURES_FILE).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def load_linear(settings: BaselineSettings, weights: Path, assets: Path, label_count: int) -> LinearModel:
    """What `save_linear` wrote. Raises RunError when a file is missing, holds something else or fits no other."""
    try:
        arrays = load_file(weights)
        about = json.loads((assets / FEATURES_FILE).read_text(encoding="utf-8"))
        features = Features(about["splitter"], about["ngrams"], tuple(about["terms"]), arrays.pop("idf"))
        method = METHODS[settings.method].from_arrays(arrays, settings.classifier)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunError(f"the baseline cannot be loaded: {error!r}", where=str(weights.parent)) from error
    columns = method.bank.weights.shape[1] - (label_count if isinstance(method, Chain) else 0)
    if not len(features.terms) == len(features.idf) == columns:
        raise RunError(
            f"the baseline's files do not belong together: {FEATURES_FILE} has {len(features.terms):,} terms, "
            f"{weights.name} {len(features.idf):,} of them and weights for {columns:,}",
            where=str(weights.parent),
            suggestions=["train it anew: labelloom baseline"],
        )
    return LinearModel(features, method, settings, label_count)
