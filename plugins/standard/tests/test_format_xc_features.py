"""The sparse form of the Extreme Classification Repository: texts are made of words and their counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelloom.data.corpus import Corpus, load_uncut
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


def load(path: Path, **options: object) -> Corpus:
    return load_uncut(DataSettings.model_validate({"source": str(path), **options}))


def failure(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load(path, **options)
    return str(caught.value)


def documents(corpus: Corpus) -> dict[str, list[tuple[str, list[str]]]]:
    """Text and codes of each document, by split."""
    return {
        name: [
            (text, [corpus.labels.codes[label] for label in split.label_sets[row]])
            for row, text in enumerate(split.texts)
        ]
        for name, split in corpus.splits.items()
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


SPARSE = "3 4 2\n0,1 2:2 0:1\n 3:0.25 1:1.5\n1 0:0\n"


def test_words_are_repeated_as_often_as_they_count(folder: Path) -> None:
    _write(folder / "train.txt", SPARSE)
    _write(folder / "eurlex_test.txt", "1 4 2\n3:1\n")
    _write(folder / "Xf.txt", "graph\nof\nwords\nzeta\n")
    corpus = load(folder)
    assert documents(corpus) == {
        "train": [("graph words words", ["0", "1"]), ("of zeta", []), ("", ["1"])],
        "test": [("zeta", [])],
    }
    assert corpus.notes[0].startswith("texts are made of words and their counts, in the order of the vocabulary")
    _write(folder / "Yf.txt", "A\nB\n")
    assert load(folder).labels.names == ("A", "B")


def test_numbers_without_a_vocabulary_are_no_texts(folder: Path) -> None:
    _write(folder / "train.txt", SPARSE)
    assert failure(folder, format="standard/xc-features") == (
        f"{folder}: train.txt holds numbers of words and no texts, and there is no Xf.txt that says which words they "
        "are\n"
        "    try: the text form of the data set: trn.json.gz, tst.json.gz, lbl.json.gz\n"
        "    try: the Xf.txt"
    )
    _write(folder / "Xf.txt", "graph\n")
    assert failure(folder) == f"{folder / 'Xf.txt'}: has 1 words; the header of train.txt says 4"
    _write(folder / "Xf.txt", "a\nb\nc\nd\n")
    _write(folder / "Yf.txt", "a\nb\nc\n")
    assert failure(folder) == f"{folder / 'Yf.txt'}: has 3 labels; the header of train.txt says 2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0:1", "2 is not in [0, 2)"),
        ("0 4:1", "4 is not in [0, 4)"),
        ("0 1:x", "could not convert string to float: 'x'"),
        ("a 1:1", "invalid literal for int() with base 10: 'a'"),
    ],
)
def test_lines_that_are_not_sparse(folder: Path, line: str, message: str) -> None:
    _write(folder / "train.txt", f"1 4 2\n{line}\n")
    _write(folder / "Xf.txt", "a\nb\nc\nd\n")
    assert failure(folder) == (
        f"{folder / 'train.txt'}:2: expected labels with commas, then feature:value pairs: {message}"
    )


def test_a_vocabulary_that_is_not_utf_8_shifts_no_word(folder: Path) -> None:
    _write(folder / "train.txt", "1 3 2\n0 2:1\n")
    (folder / "Xf.txt").write_bytes(b"a\nb\xe9\nc\n\n")
    assert failure(folder).startswith(f"{folder / 'Xf.txt'}:2: not UTF-8: byte 0xe9 at position 3 of the file")


@pytest.mark.parametrize(("rows", "there"), [("0 1:1\n", 1), ("0 1:1\n1 2:1\n1 3:1\n", 3)])
def test_as_many_documents_as_the_header_says(folder: Path, rows: str, there: int) -> None:
    _write(folder / "train.txt", f"2 4 2\n{rows}")
    _write(folder / "Xf.txt", "a\nb\nc\nd\n")
    said = "1 document" if there == 1 else f"{there} documents"
    assert failure(folder) == (
        f"{folder / 'train.txt'}:1: the header says 2 documents, and the file has {said}: it is cut off or broken\n"
        "    try: copy or download it again"
    )
    assert len(load(folder, limit=1).train) == 1


def test_a_document_without_labels_and_words_may_be_a_blank_line(folder: Path) -> None:
    _write(folder / "train.txt", "3 4 2\n0 1:1\n\n1 2:1\n\n")
    _write(folder / "Xf.txt", "a\nb\nc\nd\n")
    assert documents(load(folder)) == {"train": [("b", ["0"]), ("c", ["1"])]}


def test_a_line_that_is_not_utf_8_is_still_a_document(folder: Path) -> None:
    (folder / "train.txt").write_bytes(b"2 4 2\n0 1:1\n\xe9 1:1\n")
    _write(folder / "Xf.txt", "a\nb\nc\nd\n")
    told = failure(folder)
    assert told.startswith(f"{folder / 'train.txt'}:3: not UTF-8")
    assert "the header says" not in told


def test_a_test_file_needs_a_header_too(folder: Path) -> None:
    _write(folder / "train.txt", "1 4 2\n0 1:1\n")
    _write(folder / "test.txt", "0 1:1\n1 2:1\n")
    _write(folder / "Xf.txt", "a\nb\nc\nd\n")
    assert failure(folder) == (
        f"{folder / 'test.txt'}:1: expected a header, the numbers of documents, features and labels, not '0 1:1'"
    )


def test_three_numbers_alone_are_no_sparse_form(folder: Path) -> None:
    _write(folder / "train.txt", "1 2 3\na text\n")
    _write(folder / "train.jsonl", '{"text": "t", "labels": ["a"]}\n')
    assert documents(load(folder)) == {"train": [("t", ["a"])]}


def test_labels_of_another_form_that_look_like_a_header(folder: Path) -> None:
    _write(folder / "text_train.txt", "one\ntwo\n")
    _write(folder / "label_train.txt", "1 2 3\n4\n")
    assert documents(load(folder)) == {"train": [("one", ["1", "2", "3"]), ("two", ["4"])]}


def test_what_only_resembles_the_sparse_form_stops_no_table_and_is_told(folder: Path) -> None:
    _write(folder / "train.txt", SPARSE)
    _write(folder / "train.jsonl", '{"text": "t", "labels": ["a"]}\n')
    corpus = load(folder)
    assert documents(corpus) == {"train": [("t", ["a"])]}
    missing = (
        f"{folder}: train.txt holds numbers of words and no texts, and there is no Xf.txt that says which words they "
        "are"
    )
    assert corpus.notes[0] == missing
    _write(folder / "train.jsonl", '{"texts": "t", "labels": ["a"]}\n')
    told = failure(folder)
    assert told.startswith(missing)
    assert f"\n{folder / 'train.jsonl'}:1: no field 'text'" in told
