"""`maacf/negative-labels`: a document's labels and a few that it lacks (Wang et al. 2023 section 3.3)."""

from __future__ import annotations

import numpy as np

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Context, Draw, LabelledRows, Rng, Sampler
from labelloom_maacf.config import NegativeLabelsConfig

_SCALE = 2**40
"""The weight of the most frequent label. Whole numbers add up exactly, and half a million of these fit in 63 bits."""


class NegativeLabels(Sampler):
    """Draws for each row as candidates the labels that it carries, ascending, then `negatives` that it lacks.

    These are drawn one after the other among those that are left, each as likely as its weight: 1, or how many training
    documents carry it to the `power`. A document that lacks fewer has fewer; one that lacks none has its own labels
    alone. The time of a draw follows the labels of the document and the logarithm of L.
    """

    @classmethod
    def prepare(cls, config: NegativeLabelsConfig, corpus: Corpus) -> Assets:
        """How many training documents carry each label, (L,), where it matters."""
        return {"frequency": corpus.statistics.frequency} if config.power else {}

    def __init__(self, config: NegativeLabelsConfig, context: Context) -> None:
        super().__init__(config, context)
        weights = np.ones(self.label_count, dtype=np.int64)
        if config.power:
            # As shares of the largest, for a high power of a large number would overflow.
            frequency = np.maximum(context.assets["frequency"], 1)
            shares = (frequency / frequency.max()) ** config.power
            weights = np.maximum(np.rint(shares * _SCALE), 1).astype(np.int64)
        self.weights = weights
        self.ends = np.cumsum(weights)
        """(L,): label i is drawn by the numbers from ends[i] - weights[i] up to, and without, ends[i]."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with candidates."""
        own = [split.label_sets[row] for row in draw.rows]
        lacked = [self._lacked(labels, rng(place)) for place, labels in enumerate(own)]
        return draw.with_candidates([np.concatenate(both) for both in zip(own, lacked, strict=True)])

    def _lacked(self, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Distinct labels that are not in `own`, in the order in which they are drawn."""
        count = min(self.config.negatives, self.label_count - len(own))
        drawn = np.zeros(0, dtype=np.int64)
        while len(drawn) < count:
            # Drawing on until enough labels are distinct is drawing each among those that are left.
            more = self._outside(np.sort(np.concatenate([own, drawn])), count - len(drawn), rng)
            drawn = np.concatenate([drawn, more[np.sort(np.unique(more, return_index=True)[1])]])
        return drawn

    def _outside(self, taken: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """`count` labels, repeated ones among them, by weight, none of `taken`, which is ascending."""
        weights = self.weights[taken]
        gone = np.concatenate([[0], np.cumsum(weights)])
        numbers = rng.integers(self.ends[-1] - gone[-1], size=count)
        # With the numbers of `taken` left out, what follows the i-th begins where that began, less all gone before.
        numbers = numbers + gone[np.searchsorted(self.ends[taken] - gone[1:], numbers, side="right")]
        return np.searchsorted(self.ends, numbers, side="right")
