"""What the tests of sources share: loading with options, failing with a message, and what a corpus says."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelloom.data.corpus import Corpus, Split, load_uncut
from labelloom.errors import LabelloomError
from labelloom.spec.data import DataSettings


def load(path: Path | str, **options: object) -> Corpus:
    """The corpus as its source has it, with nothing cut."""
    return load_uncut(DataSettings.model_validate({"source": str(path), **options}))


def failure(path: Path | str, **options: object) -> str:
    """The message that loading fails with."""
    with pytest.raises(LabelloomError) as caught:
        load(path, **options)
    return str(caught.value)


def documents(corpus: Corpus, split: str = "train") -> list[tuple[str, str, list[str]]]:
    """Id, text and codes of each document."""
    found: Split = corpus.splits[split]
    codes = [[corpus.labels.codes[label] for label in found.label_sets[row]] for row in range(len(found))]
    return list(zip(found.ids, found.texts, codes, strict=True))
