"""Tf-idf features of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from labelloom.data.corpus import Split
from labelloom.data.splitters import word_splitter
from labelloom.errors import DataError
from labelloom.linear.library import sklearn

_TEXTS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Features:
    """What turns a text into F numbers: its words and their sequences, 1 + ln of their counts, idf, length 1.

    `terms` are the F words or sequences, joined by a blank; `idf` (F,) float64 their inverse document frequencies
    (smoothed, as scikit-learn does by default).
    """

    splitter: str
    ngrams: int
    terms: tuple[str, ...]
    idf: np.ndarray

    @classmethod
    def fitted(
        cls, texts: Iterable[str], splitter: str, ngrams: int, min_count: int, max_features: int
    ) -> tuple[Features, sp.csr_matrix]:
        """The features of the training texts, and their matrix (N, F) float64.

        Raises DataError when no term occurs in `min_count` texts.
        """
        vectorizer = _vectorizer(splitter, ngrams, min_df=min_count, max_features=max_features)
        try:
            matrix = _sorted(vectorizer.fit_transform(texts))
        except ValueError as error:  # "empty vocabulary", "no terms remain", "max_df corresponds to < documents"
            look = "look at the texts: labelloom data SOURCE"
            if min_count == 1:
                raise DataError("no document has a word", where="train split", suggestions=[look]) from error
            raise DataError(
                f"no word occurs in {min_count} or more training documents",
                where="baseline.min_count",
                suggestions=["--set baseline.min_count=1", look],
            ) from error
        return cls(splitter, ngrams, tuple(vectorizer.get_feature_names_out().tolist()), vectorizer.idf_), matrix

    def of(self, texts: Sequence[str]) -> sp.csr_matrix:
        """The matrix (N, F) float64 of texts; words that training did not have are left out."""
        return _sorted(self._fitted_vectorizer.transform(texts))

    def of_split(self, split: Split) -> sp.csr_matrix:
        """The same for the documents of a split."""
        return sp.vstack([self.of(texts) for texts in split.texts.batches(_TEXTS_AT_ONCE)], format="csr")

    @cached_property
    def _fitted_vectorizer(self) -> Any:
        # Kept: numbering hundreds of thousands of terms takes longer than a text.
        vectorizer = _vectorizer(self.splitter, self.ngrams, vocabulary=self.terms)
        vectorizer.idf_ = self.idf
        return vectorizer


def _vectorizer(splitter: str, ngrams: int, **options: Any) -> Any:
    text = sklearn("feature_extraction.text")
    return text.TfidfVectorizer(
        tokenizer=word_splitter(splitter, "baseline.splitter"),
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, ngrams),
        sublinear_tf=True,
        **options,
    )


def _sorted(matrix: sp.csr_matrix) -> sp.csr_matrix:
    # liblinear reads unsorted rows wrongly, and in parallel crashes on them.
    matrix.sort_indices()
    return matrix
