"""A few labels that every document is scored for have the scores of a ranking of all, whatever the model is made of."""

from __future__ import annotations

import numpy as np

from labelloom.data.corpus import Corpus
from labelloom.runs.classifier import Classifier


def test_a_few_labels_score_as_in_a_ranking_of_all(loaded: Classifier, corpus: Corpus) -> None:
    labels = np.array([len(corpus.labels) - 1, 0, 2])
    loaded.model.assembly.train()
    few = loaded.label_scores(corpus.validation, labels)
    assert loaded.model.assembly.model.training
    loaded.model.assembly.eval()
    assert few.labels.tolist() == labels.tolist()
    every = loaded.rank_split(corpus.validation).to_dense()
    np.testing.assert_allclose(few.scores, every[:, labels], rtol=1e-4, atol=1e-6)
