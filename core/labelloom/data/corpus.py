"""A corpus: its label space and its splits, read from a source once and from the cache afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from labelloom.data.cache import cache_folder, cached_arrays, digest_of, written_beside
from labelloom.data.findings import reading_notes, unseen_label_notes
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.reading import LabelNumbers, ReadSplit, documents, read_source
from labelloom.data.records import Source
from labelloom.data.sources import find_source
from labelloom.data.splitting import stratified_cut
from labelloom.data.statistics import CorpusStatistics
from labelloom.data.texts import Texts, read_texts
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings

_FORMAT = 2
"""Part of every key: raise it when what is stored changes."""


@dataclass(frozen=True)
class Split:
    """N documents: ids, texts and label sets in one order. `digest` changes when any of them does."""

    name: str
    ids: Texts
    texts: Texts
    label_sets: LabelSets
    digest: str

    def __len__(self) -> int:
        return len(self.label_sets)

    def select(self, name: str, rows: np.ndarray) -> Split:
        """The documents of `rows`, in that order, without copying texts."""
        rows = np.asarray(rows, dtype=np.int64)
        digest = digest_of(self.digest, rows)
        return Split(name, self.ids.select(rows), self.texts.select(rows), self.label_sets.take(rows), digest)


@dataclass(frozen=True)
class Corpus:
    """What a model is trained and scored on.

    `notes` are what the user is told: what was tolerated in the data, and what was cut. `digest` changes with the
    documents, the label order and the cuts. `cache` is where statistics are kept, None for nowhere.
    """

    name: str
    labels: LabelSpace
    splits: dict[str, Split]
    notes: list[str] = field(default_factory=list)
    digest: str = ""
    cache: Path | None = None
    format: str = ""

    @property
    def train(self) -> Split:
        return self.splits["train"]

    @property
    def validation(self) -> Split:
        return self.splits["validation"]

    @property
    def test(self) -> Split | None:
        """None where the source has no test split and none was cut: then evaluation is on validation."""
        return self.splits.get("test")

    @cached_property
    def statistics(self) -> CorpusStatistics:
        """Counted over the training split alone."""
        return CorpusStatistics(self.train.label_sets, self.cache)


def load_corpus(settings: DataSettings | str) -> Corpus:
    """The corpus that `settings` names: read, checked and stored, or taken from the cache where that was done before.

    A string is a source, with the defaults of all other settings. Raises DataError with every problem that makes the
    source unusable, each at its file and line.
    """
    if isinstance(settings, str):
        settings = DataSettings(source=settings)
    whole = load_uncut(settings)
    splits = dict(whole.splits)
    notes = whole.notes + _cut_missing(splits, settings, cache_folder() / "cuts")
    notes += unseen_label_notes(whole.labels, {name: split.label_sets for name, split in splits.items()})
    digest = digest_of(whole.digest, [split.digest for split in splits.values()])
    return replace(whole, splits=splits, notes=notes, digest=digest)


def load_uncut(settings: DataSettings) -> Corpus:
    """The same as its source has it: nothing is cut from train, so validation and test may both be missing."""
    source = find_source(settings)
    cache = cache_folder()
    names = [split.name for split in source.splits]
    digest = digest_of(_FORMAT, source.fingerprint, names, settings.read_by)
    folder = cache / "corpora" / digest
    if not folder.exists():
        with written_beside(folder) as beside:
            beside.mkdir()
            _store(source, beside, settings)
    labels, splits, notes = _stored(folder, digest)
    notes = [*source.notes, *notes]
    if settings.limit is not None:
        notes.append(f"limit: at most the first {documents(settings.limit)} of each split are used")
    return Corpus(source.name, labels, splits, notes, digest, cache / "statistics", source.format)


def _store(source: Source, folder: Path, settings: DataSettings) -> None:
    """Reads `source` and leaves in `folder` what `_stored` reads back."""
    splits, numbers = read_source(source, folder, settings.limit, settings.options)
    codes, ids = numbers.ordered()
    for split in splits:
        labels = _label_sets(split, ids)
        np.savez(folder / f"{split.name}.npz", offsets=labels.offsets, values=labels.values)
    about = {
        "codes": codes,
        **_called(codes, source, numbers),
        "splits": [split.name for split in splits],
        "notes": reading_notes(splits, codes, ids, source, settings.limit),
    }
    (folder / "corpus.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def _called(codes: list[str], source: Source, numbers: LabelNumbers) -> dict[str, list[str]]:
    """The names and descriptions of codes: the source's own, or those that documents tell, or the code and nothing."""
    names = source.label_names or numbers.said("name")
    descriptions = source.label_descriptions or numbers.said("description")
    return {
        "names": [names.get(code, code) for code in codes],
        "descriptions": [descriptions.get(code, "") for code in codes] if descriptions else [],
    }


def _label_sets(split: ReadSplit, ids: np.ndarray) -> LabelSets:
    offsets = np.zeros(len(split.label_counts) + 1, dtype=np.int64)
    np.cumsum(split.label_counts, out=offsets[1:])
    rows = np.repeat(np.arange(len(split.label_counts)), split.label_counts)
    values = ids[split.labels]
    return LabelSets(offsets, values[np.lexsort((values, rows))], len(ids))


def _stored(folder: Path, digest: str) -> tuple[LabelSpace, dict[str, Split], list[str]]:
    about = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    labels = LabelSpace(tuple(about["codes"]), tuple(about["names"]), tuple(about["descriptions"]))
    splits = {}
    for name in about["splits"]:
        ids, texts = read_texts(folder / f"{name}.arrow")
        with np.load(folder / f"{name}.npz") as arrays:
            label_sets = LabelSets(arrays["offsets"], arrays["values"], len(labels))
        splits[name] = Split(name, ids, texts, label_sets, digest_of(digest, name))
    return labels, splits, about["notes"]


def _cut_missing(splits: dict[str, Split], settings: DataSettings, cache: Path) -> list[str]:
    """Cuts the splits that the source lacks from `splits["train"]`, in place, and says so."""
    notes = []
    total = len(splits["train"])
    for name, share in (("test", settings.test), ("validation", settings.validation)):
        if name in splits or not share:
            continue
        train = splits["train"]
        # Shares are of the whole training split, so a second cut takes more of what the first one left.
        kept, cut = _cut(train, share * total / len(train), settings.split_seed, cache)
        splits["train"], splits[name] = train.select("train", kept), train.select(name, cut)
        notes.append(
            f"{name}: {documents(len(cut))} cut from train ({100 * len(cut) / total:.0f} %, iterative stratification "
            f"with seed {settings.split_seed}, so that every label keeps its share)"
        )
    if "test" not in splits:
        notes.append(
            "test: there is none, so evaluation is on validation, which also chooses checkpoint and threshold; "
            "add a test split, or cut one with data.test = 0.1"
        )
    return notes


def _cut(train: Split, share: float, seed: int, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    if len(train) < 2:
        raise DataError(
            f"the training split has {documents(len(train))}, and a validation or test split is to be cut from it",
            where="data.source",
            suggestions=["at least two training documents", "a file for each split"],
        )

    def compute() -> dict[str, np.ndarray]:
        kept, cut = stratified_cut(train.label_sets, share, seed)
        return {"kept": kept, "cut": cut}

    rows = cached_arrays(cache / f"{digest_of(train.digest, share, seed)}.npz", compute)
    return rows["kept"], rows["cut"]
