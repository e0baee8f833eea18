"""What is tolerated in a corpus and said to the user: leaks between splits, labels that training cannot see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.reading import ReadSplit, documents
from labelloom.data.records import Source
from labelloom.wording import counted

_SHOWN = 5
"""Codes that a note lists."""


def reading_notes(
    splits: Sequence[ReadSplit], codes: Sequence[str], ids: np.ndarray, source: Source, limit: int | None
) -> list[str]:
    """What was tolerated in the splits, what they share, and which labels the source names in vain."""
    notes = [note for split in splits for note in split.notes]
    notes += [note for split in splits if split.name == "train" for note in _repeated_notes(split)]
    for first, second in combinations(splits, 2):
        notes += _shared_notes(first, second)
    if source.label_names is not None:
        seen = np.zeros(len(codes), dtype=bool)
        for split in splits:
            seen[ids[split.labels]] = True
        unused = np.flatnonzero(~seen)
        if len(unused):
            where = "in no document" if limit is None else "in none of the documents that are used"
            notes.append(f"labels: {_codes(codes, unused)} named but {where}")
    return notes


def _repeated_notes(split: ReadSplit) -> list[str]:
    with_text = np.flatnonzero(split.text_hashes)
    _, first = np.unique(split.text_hashes[with_text], return_index=True)
    again = np.delete(with_text, first)
    if not len(again):
        return []
    first_again = split.first(again[0])
    return [f"{split.name}: {documents(len(again))} with the text of an earlier one, kept ({first_again})"]


def _shared_notes(first: ReadSplit, second: ReadSplit) -> list[str]:
    notes = []
    known = second.text_hashes[np.isin(second.text_hashes, first.text_hashes[first.text_hashes != 0])]
    if len(known):
        row = int(np.argmax(np.isin(second.text_hashes, known)))
        notes.append(
            f"{second.name}: {documents(len(known))} with the same text as a document of {first.name}, kept: scores "
            f"on them are too good ({second.first(row)})"
        )
    _, in_first, in_second = np.intersect1d(first.id_hashes, second.id_hashes, return_indices=True)
    other = int(np.sum(first.text_hashes[in_first] != second.text_hashes[in_second]))
    if other:
        notes.append(
            f"{second.name}: {documents(other)} with the id of a document of {first.name} and another text, taken as "
            "another document"
        )
    return notes


def unseen_label_notes(labels: LabelSpace, splits: Mapping[str, LabelSets]) -> list[str]:
    """For each split but train, the labels that occur in it and never in train."""
    notes = []
    trained = np.zeros(len(labels), dtype=bool)
    trained[splits["train"].values] = True
    for name, label_sets in splits.items():
        unseen = np.unique(label_sets.values[~trained[label_sets.values]])
        if len(unseen):
            notes.append(f"{name}: {_codes(labels.codes, unseen)} not in train; metrics count them as missed")
    return notes


def _codes(codes: Sequence[str], labels: Iterable[int]) -> str:
    found = [codes[label] for label in labels]
    more = ", …" if len(found) > _SHOWN else ""
    return f"{counted(len(found), 'label')} ({', '.join(found[:_SHOWN])}{more})"
