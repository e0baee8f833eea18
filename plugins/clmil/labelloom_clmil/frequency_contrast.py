"""`clmil/label-frequency-contrast`: documents with a rare label, each with its second pass and documents apart."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from labelloom.data.corpus import Corpus
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Assets, Context, Draw, LabelledRows, Rng, Sampler
from labelloom.wording import counted
from labelloom_clmil.config import FrequencyContrastConfig
from labelloom_clmil.keeping_apart import apart, closed_to, counts_apart, going_together

_TRIES = 128
"""Documents tried for each negative before all are looked at."""


class LabelFrequencyContrast(Sampler):
    """Draws what the contrastive stage compares (Li et al. 2023 section 3.2), anew in every step.

    An anchor is a document with a label that is rare in the training split. Its positive is its own row again, which
    dropout makes different; its negatives are documents of the split whose labels keep apart from its own: no label
    in common, and no two that go together by the rule. Documents without labels keep apart from all.

    Each anchor brings n negatives of its own, each set of them as likely, chosen by nothing but its row. Whatever
    document of the step keeps apart from it, brought by another anchor or an anchor itself, is its negative, too; each
    document is there once. With one anchor a step and n = 31 these are the batches of the paper.

    Where fewer than n documents keep apart by the rule, those serve that share no label. Anchors that share a label
    with every document are left out.
    """

    @classmethod
    def prepare(cls, config: FrequencyContrastConfig, corpus: Corpus) -> Assets:
        """How many training documents there are and carry each label, and which labels go together by the rule."""
        statistics = corpus.statistics
        together = going_together(statistics, config.rule)
        return {
            "documents": statistics.document_count,
            "frequency": statistics.frequency,
            "together": together.indices.astype(np.int32),
            "offsets": together.indptr.astype(np.int64),
        }

    def __init__(self, config: FrequencyContrastConfig, context: Context) -> None:
        super().__init__(config, context)
        self.documents: int = context.assets["documents"]
        self.frequency: np.ndarray = context.assets["frequency"]
        indices, offsets = context.assets["together"], context.assets["offsets"]
        ones = np.ones(len(indices), dtype=np.int64)
        self.together = sp.csr_array((ones, indices, offsets), shape=(self.label_count, self.label_count))
        self.itself = sp.eye_array(self.label_count, dtype=np.int64, format="csr")

    @property
    def rare(self) -> np.ndarray:
        """(L,) bool: the labels that fewer training documents carry than the option says."""
        bound = self.config.low_frequency
        # Divided, not multiplied: 1000 of 53,840 must reach 1000 / 53840 exactly.
        own = self.frequency if isinstance(bound, int) else self.frequency / self.documents
        return np.asarray(own < bound)

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        """Those of `rows` with a rare label and a negative; notes how many are left out or fall back, and why."""
        sets, n = split.label_sets, self.config.negatives
        able = np.zeros(len(split), dtype=bool)
        able[sets.rows[self.rare[sets.values]]] = True
        chosen = rows[able[rows]]
        by_rule = counts_apart(chosen, sets, self.together, n)
        few = by_rule < n
        sharing_none = by_rule.copy()
        sharing_none[few] = counts_apart(chosen[few], sets, self.itself, n)
        self.notes = [
            *self._without_rare(len(rows) - len(chosen), len(rows)),
            *self._told(few & (sharing_none > 0), sharing_none, len(chosen)),
        ]
        alone = int((sharing_none == 0).sum())
        if alone:
            whole = counted(len(chosen), "document")
            self.notes.append(f"{alone:,} of {whole} with a rare label share a label with every document: no negative")
        return chosen[sharing_none > 0]

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with every anchor once more, in their order, then the negatives that they bring."""
        there, count, sets = len(draw.rows), draw.anchors, split.label_sets
        anchors = draw.rows[:count]
        closed: list[np.ndarray] = []
        brought: list[np.ndarray] = []
        for place, row in enumerate(anchors):
            own, negatives = self._negatives(sets[int(row)], sets, rng(place))
            closed.append(own)
            brought.append(negatives)
        joining = _once(np.concatenate([np.zeros(0, dtype=np.int64), *brought]))
        joining = joining[~np.isin(joining, anchors)]
        compared = np.concatenate([anchors, joining])
        places = np.concatenate([np.arange(count), there + count + np.arange(len(joining))])
        relation = np.zeros((there + count + len(joining),) * 2, dtype=np.int8)
        relation[np.arange(count), there + np.arange(count)] = 1
        for place, own in enumerate(closed):
            relation[place, places[apart(own, compared, sets)]] = -1
        return draw.with_rows(np.concatenate([anchors, joining])).with_relation(relation)

    def _negatives(
        self, labels: np.ndarray, sets: LabelSets, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a negative of a document with `labels` must not carry, (L,) bool, and n such rows, or all there are."""
        closed = closed_to(labels, self.together)
        rows = _some_apart(closed, sets, self.config.negatives, random)
        if len(rows) < self.config.negatives:
            closed = closed_to(labels, self.itself)
            rows = _some_apart(closed, sets, self.config.negatives, random)
        return closed, rows

    def _without_rare(self, left: int, whole: int) -> list[str]:
        if not left:
            return []
        bound = self.config.low_frequency
        if not isinstance(bound, int):
            bound = math.ceil(round(bound * self.documents, 6))
        carried = self.frequency[self.frequency > 0]
        rarest = ""
        if len(carried) and left == whole:
            least = int(carried.min())
            rarest = f"; the rarest that occurs is in {least:,}: low_frequency = {least + 1} makes it rare"
        within = counted(self.documents, "training document")
        told = f"{left:,} of {counted(whole, 'document')} {'has' if left == 1 else 'have'} no rare label"
        return [f"{told}, one in fewer than {bound:,} of {within}{rarest}"]

    def _told(self, falling: np.ndarray, sharing_none: np.ndarray, whole: int) -> list[str]:
        """Of the anchors that are `falling` back, and of those among them that even then have fewer than n."""
        n, number = self.config.negatives, int(falling.sum())
        if not number:
            return []
        anchors, few = counted(whole, "anchor"), "no document" if n == 1 else f"fewer than {n} documents"
        if self.config.rule == "disjoint":
            told = f"{number:,} of {anchors} have {few} that share no label with them"
            return [f"{told}: these are their negatives"]
        short = int((falling & (sharing_none < n)).sum())
        fewer = f", fewer than {n} for {short:,} of them" if short else ""
        return [
            f'{number:,} of {anchors} have {few} apart by rule = "{self.config.rule}": '
            f"those that share no label are their negatives{fewer}"
        ]


def _some_apart(closed: np.ndarray, sets: LabelSets, n: int, random: np.random.Generator) -> np.ndarray:
    """n rows without a label that is `closed`, or all there are if fewer; each ordered choice is as likely."""
    tried = _once(random.integers(len(sets), size=_TRIES * n))
    found = tried[apart(closed, tried, sets)][:n]
    if len(found) < n:
        every = np.arange(len(sets))
        rest = np.setdiff1d(every[apart(closed, every, sets)], found, assume_unique=True)
        found = np.concatenate([found, random.permutation(rest)[: n - len(found)]])
    return found


def _once(rows: np.ndarray) -> np.ndarray:
    """`rows` without repeats, each where it stood first."""
    return rows[np.sort(np.unique(rows, return_index=True)[1])]
