from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from labelloom.data import corpus as corpus_module
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.data.settings import DataSettings
from labelloom.data.splitting import stratified_cut

from .conftest import Write, document


def load(path: Path | str, **options: object) -> Corpus:
    return load_corpus(DataSettings.model_validate({"source": str(path), **options}))


def three_splits(write: Write) -> Path:
    write("corpus/train.jsonl.gz", [document("one", ["b", "a"], id=1), document("zwei – 二", ["c"], id=2)])
    write("corpus/dev.jsonl", [document("three", [], id=3)])
    return write("corpus/test.jsonl", [document("four", ["a"], id=4)]).parent


def test_a_folder_is_read_as_it_is(write: Write) -> None:
    folder = three_splits(write)
    corpus = load(folder)
    assert corpus.name == "corpus"
    assert corpus.labels.codes == corpus.labels.names == ("a", "b", "c")
    assert list(corpus.splits) == ["train", "validation", "test"]
    assert list(corpus.train.ids) == ["1", "2"]
    assert list(corpus.train.texts) == ["one", "zwei – 二"]
    assert [row.tolist() for row in corpus.train.label_sets] == [[0, 1], [2]]
    assert list(corpus.validation.texts) == ["three"]
    assert corpus.test is not None
    assert [row.tolist() for row in corpus.test.label_sets] == [[0]]
    assert corpus.notes == ["validation: 1 document with no label, kept (first: line 1)"]


def test_labels_json_gives_order_and_names(write: Write) -> None:
    folder = three_splits(write)
    (folder / "labels.json").write_bytes(
        b"\xef\xbb\xbf" + json.dumps({"c": "sea", "a": "hay", "b": "bee", "never": "n", "z": "zed"}).encode()
    )
    corpus = load(folder)
    assert corpus.labels.codes == ("c", "a", "b", "never", "z")
    assert corpus.labels.names == ("sea", "hay", "bee", "n", "zed")
    assert [row.tolist() for row in corpus.train.label_sets] == [[1, 2], [0]]
    assert "labels: 2 labels (never, z) named but in no document" in corpus.notes


def test_other_field_names_marks_line_ends_and_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    lines = ['{"body": "a\u2028b", "tags": [3, 1]}', "", '{"body": "c", "tags": [], "id": "not this", "key": 5}']
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    corpus = load(path, text="body", labels="tags", validation=0.5)
    texts = {split.ids[0]: split.texts[0] for split in (corpus.train, corpus.validation)}
    assert texts == {"train-1": "a\u2028b", "not this": "c"}
    assert corpus.labels.codes == ("1", "3")
    assert "train: 1 document with no id, numbered by line" in corpus.notes


def test_what_is_tolerated_is_counted_and_said(write: Write) -> None:
    train = [
        document("", ["a"], id=1),
        document(" \t", ["a", "b", "a"], id=2),
        document("fine", [], id=3),
        document("same text", ["a"], id=4),
        document("same text", ["b"], id=5),
        document("mine", ["a", "b"], id=9),
    ]
    test = [
        document("", [f"new{n}" for n in range(7)], id=6),
        document("same text", ["a"], id=4),
        document("same text", ["a"], id=8),
        document("other", ["a"], id=9),
    ]
    write("corpus/train.jsonl", train)
    write("corpus/valid.jsonl", [document("v", ["w"], id=10)])
    write("corpus/extra.jsonl", [])
    corpus = load(write("corpus/test.jsonl", test).parent)
    assert corpus.notes == [
        "files in corpus that are no split and are not used: extra.jsonl",
        "train: 2 documents with no text, kept (first: line 1)",
        "train: 1 document with a repeated label, counted once (first: line 2)",
        "train: 1 document with no label, kept (first: line 3)",
        "test: 1 document with no text, kept (first: line 1)",
        "train: 1 document with the text of an earlier one, kept (first: line 5)",
        "test: 2 documents with the same text as a document of train, kept: scores on them are too good "
        "(first: line 2)",
        "test: 1 document with the id of a document of train and another text, taken as another document",
        "validation: 1 label (w) not in train; metrics count them as missed",
        "test: 7 labels (new0, new1, new2, new3, new4, …) not in train; metrics count them as missed",
    ]
    assert len(corpus.labels) == 10
    assert len(corpus.train) == 6
    assert corpus.train.texts[1] == " \t"
    assert corpus.train.label_sets[1].tolist() == [0, 1]


def test_statistics_see_the_training_split_alone(write: Write) -> None:
    train = [document(f"t{n}", ["a"] if n % 2 else ["a", "b"]) for n in range(20)]
    write("one/train.jsonl", train)
    write("one/validation.jsonl", [document("v", ["a", "b", "x"])] * 3)
    one = load(write("one/test.jsonl", [document("v", ["b", "x"])] * 3).parent)
    assert dict(zip(one.labels.codes, one.statistics.frequency.tolist(), strict=True)) == {"a": 20, "b": 10, "x": 0}
    assert one.statistics.cooccurrence.toarray().tolist() == [[0, 10, 0], [10, 0, 0], [0, 0, 0]]
    cut = load(write("two.jsonl", train), validation=0.2)
    assert len(cut.train) == 16
    assert cut.statistics.document_count == 16
    assert cut.statistics.frequency.tolist() == [16, 8]


def test_a_missing_validation_split_is_cut_and_said(write: Write) -> None:
    records = [document(f"t{n}", [f"l{n % 4}"]) for n in range(40)]
    path = write("data.jsonl", records)
    corpus = load(path, validation=0.25, split_seed=3)
    assert Counter(corpus.validation.label_sets.values.tolist()) == {label: 2 + (label < 4) * 0.5 for label in []} or (
        np.abs(np.bincount(corpus.validation.label_sets.values) - 2.5).max() <= 0.5
    )
    kept, cut = stratified_cut(load(path, validation=0.1).train.label_sets, 0.5, 0)
    assert len(kept) + len(cut) == len(load(path, validation=0.1).train)
    assert sorted([*corpus.train.texts, *corpus.validation.texts]) == sorted(str(r["text"]) for r in records)
    assert corpus.test is None
    assert corpus.notes == [
        f"validation: {len(corpus.validation)} documents cut from train (25 %, iterative stratification with seed 3, "
        "so that every label keeps its share)",
        "test: there is none, so evaluation is on validation, which also chooses checkpoint and threshold; add a test "
        "split, or cut one with data.test = 0.1",
    ]
