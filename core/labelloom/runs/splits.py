"""Which documents a run is scored on: a split of its own corpus, or of another source with the same labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelloom.data.corpus import Corpus, Split, load_corpus, load_uncut
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.errors import DataError, RunError
from labelloom.runs.folder import RunFolder
from labelloom.spec.data import DataSettings

_SHOWN = 5
"""Unknown labels that a message lists."""


def own_corpus(run: RunFolder, settings: DataSettings) -> Corpus:
    """The corpus that the run was trained on. Raises DataError when it is gone, RunError when its labels changed."""
    corpus = load_corpus(settings)
    if run.read_labels().codes != corpus.labels.codes:
        raise RunError(
            f"{settings.source} has other labels now than when this run was trained",
            where=str(run.path),
            suggestions=["score what it has now: --data", "train a new run"],
        )
    return corpus


def other_corpus(source: str, labels: LabelSpace, settings: DataSettings) -> Corpus:
    """Another source, whole, with its labels numbered as the run's; its fields are called as in the run's corpus.

    Which format and files it has is its own: what names and contents tell.

    Raises DataError when its documents carry labels that the run does not know.
    """
    changes: dict[str, object] = dict.fromkeys(("format", "files", "hf_config", "revision", "limit")) | {
        "source": source
    }
    corpus = load_uncut(settings.model_copy(update=changes))
    known = {code: label for label, code in enumerate(labels.codes)}
    ids = np.array([known.get(code, -1) for code in corpus.labels.codes])
    splits = {name: _renumbered(split, corpus.labels, ids, labels, source) for name, split in corpus.splits.items()}
    return replace(corpus, labels=labels, splits=splits)


def _renumbered(split: Split, theirs: LabelSpace, ids: np.ndarray, labels: LabelSpace, source: str) -> Split:
    values = ids[split.label_sets.values]
    unknown = np.unique(split.label_sets.values[values < 0])
    if len(unknown):
        listed = ", ".join(repr(theirs.codes[label]) for label in unknown[:_SHOWN])
        more = ", …" if len(unknown) > _SHOWN else ""
        raise DataError(
            f"the {split.name} split has labels that the run does not know ({len(unknown):,}: {listed}{more}); "
            f"it knows {len(labels):,} others",
            where=source,
            suggestions=["take these labels out of the documents", "train a run on labels that include them"],
        )
    rows = split.label_sets.rows
    order = np.lexsort((values, rows))
    return replace(split, label_sets=LabelSets(split.label_sets.offsets, values[order], len(labels)))


def choose_split(corpus: Corpus, name: str | None) -> Split:
    """The split called `name`; without a name test, or else validation, or else train. Raises DataError."""
    if name is None:
        return next(corpus.splits[each] for each in ("test", "validation", "train") if each in corpus.splits)
    if name not in corpus.splits:
        raise DataError(
            f"there is no {name} split", where=corpus.name, suggestions=[f"--split {each}" for each in corpus.splits]
        )
    return corpus.splits[name]
