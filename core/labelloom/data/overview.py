"""What a corpus looks like: sizes, lengths, label frequencies, repeats and unseen labels, split by split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from labelloom.data.corpus import Corpus, Split
from labelloom.data.figures import Example, Group, Overview, Pair, SplitOverview, Spread
from labelloom.data.label_sets import LabelSets
from labelloom.data.statistics import HEAD, MID, TAIL, CorpusStatistics

SCARCE = (5, 10)
"""Labels with fewer training documents than these are counted."""

ALL = "all"
"""The name of the column over every split."""

_MOST_PAIRS = 60_000_000
"""Pairs of labels in one document, summed over the documents, beyond which co-occurrence is not counted."""
_FIRST = 100
"""Documents among which the example is looked for."""


def overview(corpus: Corpus, words: Callable[[str], Sequence[str]] = str.split, pairs: int = 10) -> Overview:
    """What `corpus` looks like: one pass over its texts, then sparse counts.

    Time and memory grow with documents and label occurrences. `words` splits a text into the words that are counted;
    `pairs` is how many pairs of labels are kept.
    """
    texts = {name: _Texts.of(split, words) for name, split in corpus.splits.items()}
    keys = _label_keys(len(corpus.labels))
    sets = {name: _set_keys(split.label_sets, keys) for name, split in corpus.splits.items()}
    trained = np.zeros(len(corpus.labels), dtype=bool)
    trained[corpus.train.label_sets.values] = True
    splits: dict[str, SplitOverview] = {}
    for name, split in corpus.splits.items():
        shared = {earlier: _shared(texts[earlier], texts[name]) for earlier in splits}
        splits[name] = _split_overview(split, texts[name], sets[name], trained, shared)
    statistics = corpus.statistics
    return Overview(
        corpus.name,
        corpus.format,
        corpus.labels,
        splits,
        _whole(corpus, texts, sets, splits),
        statistics.frequency,
        _groups(statistics),
        {bound: int(np.sum(statistics.frequency < bound)) for bound in SCARCE},
        _pairs(statistics, corpus.train.label_sets, pairs),
        _train_only(corpus, trained),
        _example(corpus.train),
        tuple(corpus.notes),
    )


@dataclass(frozen=True)
class _Texts:
    """Of N texts: lengths in words and in characters, and hashes that are 0 where there is only white space."""

    words: np.ndarray
    characters: np.ndarray
    hashes: np.ndarray

    @classmethod
    def of(cls, split: Split, words: Callable[[str], Sequence[str]]) -> _Texts:
        lengths = np.empty((2, len(split)), dtype=np.int64)
        hashes = np.empty(len(split), dtype=np.int64)
        for row, text in enumerate(split.texts):
            lengths[:, row] = len(words(text)), len(text)
            hashes[row] = 0 if text.isspace() or not text else hash(text) or 1
        return cls(lengths[0], lengths[1], hashes)


def _label_keys(count: int) -> np.ndarray:
    """(L,) random 64-bit numbers: the sum of a label set's tells it from other sets."""
    return np.random.default_rng(0).integers(1, 2**63, count, dtype=np.uint64)


def _set_keys(label_sets: LabelSets, keys: np.ndarray) -> np.ndarray:
    """(N,) uint64, equal where the label sets are."""
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(keys[label_sets.values], dtype=np.uint64)])
    return sums[label_sets.offsets[1:]] - sums[label_sets.offsets[:-1]]  # wraps around, and back


def _shared(earlier: _Texts, texts: _Texts) -> int:
    return int(np.isin(texts.hashes[texts.hashes != 0], earlier.hashes).sum())


def _split_overview(
    split: Split, texts: _Texts, sets: np.ndarray, trained: np.ndarray, shared: Mapping[str, int]
) -> SplitOverview:
    there = np.unique(split.label_sets.values)
    cardinality = len(split.label_sets.values) / max(len(split), 1)
    known = texts.hashes[texts.hashes != 0]
    return SplitOverview(
        split.name,
        len(split),
        len(there),
        cardinality,
        int(split.label_sets.counts.max(initial=0)),
        cardinality / max(len(trained), 1),
        len(np.unique(sets)),
        Spread.of(texts.words),
        Spread.of(texts.characters),
        int(np.sum(split.label_sets.counts == 0)),
        len(split) - len(known),
        len(known) - len(np.unique(known)),
        shared,
        tuple(there[~trained[there]].tolist()),
    )


def _whole(
    corpus: Corpus, texts: Mapping[str, _Texts], sets: Mapping[str, np.ndarray], splits: Mapping[str, SplitOverview]
) -> SplitOverview:
    documents = sum(split.documents for split in splits.values())
    values = [split.label_sets.values for split in corpus.splits.values()]
    cardinality = sum(map(len, values)) / max(documents, 1)
    hashes = np.concatenate([each.hashes for each in texts.values()])
    known = hashes[hashes != 0]
    return SplitOverview(
        ALL,
        documents,
        len(np.unique(np.concatenate(values))),
        cardinality,
        max(split.most_labels for split in splits.values()),
        cardinality / max(len(corpus.labels), 1),
        len(np.unique(np.concatenate(list(sets.values())))),
        Spread.of(np.concatenate([each.words for each in texts.values()])),
        Spread.of(np.concatenate([each.characters for each in texts.values()])),
        sum(split.without_label for split in splits.values()),
        sum(split.without_text for split in splits.values()),
        len(known) - len(np.unique(known)),
        {},
        tuple(sorted({label for split in splits.values() for label in split.unseen})),
    )


def _groups(statistics: CorpusStatistics) -> dict[str, Group]:
    groups, frequency = statistics.groups(), statistics.frequency
    return {
        name: Group(int(np.sum(groups == group)), int(frequency[groups == group].sum()))
        for name, group in (("head", HEAD), ("mid", MID), ("tail", TAIL))
    }


def _pairs(statistics: CorpusStatistics, label_sets: LabelSets, wanted: int) -> tuple[Pair, ...] | None:
    """The pairs with the highest correlation, among those in at least as many documents as `SCARCE` asks of a label.

    Phi is (N n_ij - n_i n_j) / sqrt(n_i (N - n_i) n_j (N - n_j)). Labels in every document correlate with none.
    """
    if int(np.sum(label_sets.counts**2)) > _MOST_PAIRS:
        return None
    counts = statistics.cooccurrence
    first = np.repeat(np.arange(statistics.label_count), np.diff(counts.indptr))
    documents, frequency = statistics.document_count, statistics.frequency.astype(np.float64)
    spread = np.sqrt(frequency * (documents - frequency))
    kept = np.flatnonzero((first < counts.indices) & (counts.data >= SCARCE[0]) & (frequency[first] < documents))
    kept = kept[frequency[counts.indices[kept]] < documents]
    first, second, count = first[kept], counts.indices[kept], counts.data[kept]
    phi = (documents * count - frequency[first] * frequency[second]) / (spread[first] * spread[second])
    best = np.lexsort((second, first, -count, -np.round(phi, 12)))[:wanted]
    return tuple(Pair(int(first[at]), int(second[at]), int(count[at]), float(phi[at])) for at in best)


def _train_only(corpus: Corpus, trained: np.ndarray) -> tuple[int, ...]:
    scored = next((corpus.splits[name] for name in ("test", "validation") if name in corpus.splits), None)
    if scored is None:
        return ()
    missing = trained.copy()
    missing[scored.label_sets.values] = False
    return tuple(np.flatnonzero(missing).tolist())


def _example(train: Split) -> Example:
    """The shortest of the first training documents that have text and labels, or else the first."""
    first = list(enumerate(islice(train.texts, _FIRST)))
    fit = [(len(text), row) for row, text in first if text.strip() and len(train.label_sets[row])]
    row = min(fit)[1] if fit else 0
    return Example(train.ids[row], train.texts[row], tuple(train.label_sets[row].tolist()))
