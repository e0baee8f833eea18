"""Which documents a run is scored on: a split of its own corpus, or of another source with the same labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelloom.bundles import Catalogue
from labelloom.config import written_out
from labelloom.data.corpus import Corpus, Split, load_corpus, load_uncut
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.options import named_reader, read_options
from labelloom.errors import DataError, RunError
from labelloom.runs.folder import RunFolder
from labelloom.spec import read_data
from labelloom.spec.data import DataSettings
from labelloom.spec.merging import other_reader

_SHOWN = 5
"""Unknown labels that a message lists."""
_ITS_OWN = "--data other.toml, a spec with a [data] of its own"


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

    Which format, files and options it has is its own: what names and contents tell, and defaults. Where `source` is a
    spec, a TOML file, its `[data]` says all of it.

    Raises DataError when its documents carry labels that the run does not know, SpecError for a wrong spec.
    """
    whole_spec = source.endswith(".toml")
    other = _said_by(source) if whole_spec else _elsewhere(source, settings)
    corpus = load_uncut(other)
    notes = [] if whole_spec else _options_left(settings, other, corpus.format)
    known = {code: label for label, code in enumerate(labels.codes)}
    ids = np.array([known.get(code, -1) for code in corpus.labels.codes])
    splits = {name: _renumbered(split, corpus.labels, ids, labels, source) for name, split in corpus.splits.items()}
    return replace(corpus, labels=labels, splits=splits, notes=[*notes, *corpus.notes])


def _said_by(spec: str) -> DataSettings:
    catalogue = Catalogue()
    with catalogue.helping():
        return read_data(spec, (), catalogue.specs())


def _elsewhere(source: str, settings: DataSettings) -> DataSettings:
    """`settings` for another source: without what only the run's own has, its format, files, limit and options.

    Raises DataError for a source of a bundle that must be told more, or that would ignore what these settings say.
    """
    own = {"format", "files", "limit"}
    fields = {name: getattr(settings, name) for name in DataSettings.model_fields if name not in own}
    # Not validated: keys about tables do no harm where there is none.
    other = DataSettings.model_construct(**{**fields, "source": source})
    catalogue = Catalogue()
    try:
        read_options(named_reader(other, catalogue), other, catalogue)
    except DataError as error:
        raise error.also(_ITS_OWN) from error
    return other


def _options_left(settings: DataSettings, other: DataSettings, read_as: str) -> list[str]:
    """A note on options of the run that `other`, of the same source or format, has otherwise; `read_as` is its format.

    Where it has one, the files told it, and so its options have their defaults.
    """
    now = other.model_copy(update={"format": read_as or None})
    if other_reader(settings.model_dump(), now.model_dump()):
        return []
    catalogue = Catalogue()
    options = written_out(read_options(named_reader(now, catalogue), other, catalogue))
    left = [f"data.{name}" for name, value in settings.options.items() if name in options and options[name] != value]
    if not left:
        return []
    are = "is" if len(left) == 1 else "are"
    return [f"{', '.join(left)} of the run {are} not said of {other.source}; to say it: {_ITS_OWN}"]


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
