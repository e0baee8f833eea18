from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labelloom.errors import DataError, LabelloomError, SpecError
from labelloom_standard.vector_files import VectorFile

ROWS = {"the": [1.0, -2.5, 0.125], "Graph": [0.5, 0.5, 0.5], "graph": [3.0, 2.0, 1.0], "naïve": [-1.0, 0.0, 1.0]}
ROWS |= {"Paris": [7.0, 8.0, 9.0], "PARIS": [0.0, 0.0, 1.0], "unasked": [9.0, 9.0, 9.0]}


def as_text(rows: dict[str, list[float]] = ROWS, end: str = "\n") -> bytes:
    return "".join(f"{word} {' '.join(map(str, numbers))}{end}" for word, numbers in rows.items()).encode()


def header(count: int = len(ROWS), width: int = 3) -> bytes:
    return f"{count} {width}\n".encode()


def as_binary(between: bytes = b"\n") -> bytes:
    return header() + b"".join(
        word.encode() + b" " + struct.pack("<3f", *numbers) + between for word, numbers in ROWS.items()
    )


FORMS = {
    "glove.txt": as_text(),
    "glove-windows.txt": as_text(end="\r\n"),
    "word2vec.txt": header() + as_text(),
    "word2vec-spaces.vec": b"7 3 \n" + as_text(end=" \n"),  # as the original program writes it
    "word2vec.bin": as_binary(),
    "word2vec-dense.bin": as_binary(between=b""),
    "glove-marked.txt": b"\xef\xbb\xbf" + as_text(),
    "word2vec-marked.txt": b"\xef\xbb\xbf" + header() + as_text(),
    "word2vec-blanks.txt": header() + as_text().replace(b" ", b"  ", 3).replace(b"graph ", b"graph\t") + b"\n \n",
    "glove-blank.txt": as_text() + b"\n",
    "glove-phrases.txt": as_text() + b"at name@domain.com 0.1 0.2 0.3\n",  # an entry of two words
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return make


def refused(path: Path) -> str:
    with pytest.raises(LabelloomError) as told:
        VectorFile(path).read(["the", "graph"])
    return str(told.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_vectors(write: Callable[..., Path], name: str, packed: str) -> None:
    file = VectorFile(write(name + packed, FORMS[name]))
    words = ["graph", "absent", "naïve", "the", "paris"]
    vectors, found = file.read(words)
    assert file.width == 3
    assert found.tolist() == [True, False, True, True, True]
    assert file.find(words).tolist() == found.tolist()
    assert vectors.dtype == np.float32
    # Of several in another case the first; the word's own before any other.
    truth = [ROWS["graph"], [0, 0, 0], ROWS["naïve"], ROWS["the"], ROWS["Paris"]]
    np.testing.assert_array_equal(vectors, np.array(truth, dtype=np.float32))


def test_case_is_ignored_only_where_the_very_word_is_missing(write: Callable[..., Path]) -> None:
    file = VectorFile(write("glove.txt", as_text()))
    vectors, found = file.read(["Graph", "THE", "PARIS", "Paris", "gRAPH"])
    assert found.all()
    expected = [ROWS[word] for word in ("Graph", "the", "PARIS", "Paris", "Graph")]
    np.testing.assert_array_equal(vectors, np.array(expected, dtype=np.float32))


def test_a_long_binary_file_is_read_piece_by_piece(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelloom_standard.vector_files._CHUNK", 13)
    vectors, found = VectorFile(write("small-pieces.bin", as_binary())).read(list(ROWS))
    assert found.all()
    np.testing.assert_array_equal(vectors, np.array(list(ROWS.values()), dtype=np.float32))


def test_it_equals_what_gensim_writes(tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    truth = KeyedVectors(5)
    words = [f"w{place}" for place in range(40)]
    truth.add_vectors(words, np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32))
    for name, binary in (("made.bin", True), ("made.txt", False), ("made.txt.gz", False)):
        truth.save_word2vec_format(str(tmp_path / name), binary=binary)
        vectors, found = VectorFile(tmp_path / name).read(words)
        assert found.all()
        np.testing.assert_allclose(vectors, truth[words], rtol=1e-6)


def test_the_fingerprint_changes_with_the_file(write: Callable[..., Path]) -> None:
    before = VectorFile(write("glove.txt", as_text())).fingerprint
    assert VectorFile(write("other.txt", as_text())).fingerprint != before
    assert VectorFile(write("glove.txt", as_text() + b"more 1 2 3\n")).fingerprint != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "short.txt",
            as_text() + b"end 1.0 2.0",
            "short.txt:8: expected a word and 3 numbers, found 2 numbers: the file is damaged, or cut off\n"
            "    try: get the file again\n"
            "    try: a name that ends in .bin, if it is word2vec's binary form",
        ),
        (
            "cut.txt",
            header(9) + as_text(),
            "cut.txt: the file is cut off: it has 7 words and not the 9 that its first line tells\n"
            "    try: get the file again",
        ),
        (
            "wider.txt",
            header(width=2) + as_text(),
            "wider.txt: no line is a word and 2 numbers, as the first line tells; all have more\n"
            "    try: get the file again",
        ),
        (
            "gap.txt",
            as_text() + b"end  1.0 2.0\n",
            "gap.txt:8: expected a word and 3 numbers, found 2 numbers: the file is damaged, or cut off\n"
            "    try: get the file again\n"
            "    try: a name that ends in .bin, if it is word2vec's binary form",
        ),
        (
            "cut.bin",
            as_binary()[:-3],
            "cut.bin: the file is cut off: it ends within word 7 of the 7 that its first line tells\n"
            "    try: get the file again",
        ),
        (
            "long.bin",
            header(6) + as_binary()[len(header()) :],
            "long.bin: it goes on after the 6 words of 3 numbers that its first line tells\n"
            "    try: get the file again",
        ),
        (
            "words.txt",
            b"the 1.0 x 3.0\n",
            "words.txt:1: not a number: could not convert string to float: b'x'\n    try: get the file again",
        ),
        (
            "infinite.txt",
            b"the 1.0 inf 3.0\n",
            "infinite.txt:1: a vector has a number that is not finite\n    try: get the file again",
        ),
        (
            "infinite.bin",
            header(1) + b"the " + struct.pack("<3f", 1.0, float("nan"), 1.0),
            "infinite.bin, word 1: a vector has a number that is not finite\n    try: get the file again",
        ),
        (
            "text.bin",
            as_text(),
            "text.bin:1: a binary file of word vectors begins with how many words it has and how wide they are\n"
            "    try: a name that does not end in .bin, if it is text",
        ),
        (
            "empty.txt",
            b"",
            "empty.txt:1: expected a word and its numbers, or how many words there are and how wide\n"
            "    try: a name that ends in .bin, if it is word2vec's binary form",
        ),
        ("plain.txt.gz", None, "plain.txt.gz: cannot be read: Not a gzipped file (b'th')"),
        (
            "half.txt.gz",
            gzip.compress(as_text(), mtime=0)[:-20],
            "half.txt.gz: the file is cut off: its compressed data ends too early\n    try: get the file again",
        ),
    ],
)
def test_broken_files_are_told_with_the_place(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(as_text() if content is None else content)
    assert refused(path) == message


def test_a_binary_file_under_another_name_is_told(write: Callable[..., Path]) -> None:
    message = refused(write("word2vec", as_binary()))
    assert "a name that ends in .bin, if it is word2vec's binary form" in message


def test_a_missing_file_is_answered_with_close_ones(write: Callable[..., Path], tmp_path: Path) -> None:
    write("glove.6B.100d.txt", as_text())
    with pytest.raises(SpecError) as told:
        VectorFile(tmp_path / "glove.6b.100d.txt.gz")
    assert str(told.value) == (
        f'vectors = "{tmp_path}/glove.6b.100d.txt.gz": there is no such file of word vectors\n'
        "    try: glove.6B.100d.txt, in the same folder"
    )
    with pytest.raises(SpecError, match="there is no such file of word vectors"):
        VectorFile(tmp_path / "nowhere" / "glove.txt")
    with pytest.raises(SpecError, match="there is no such file of word vectors"):
        VectorFile(tmp_path)


def test_data_errors_are_data_errors(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError):
        VectorFile(write("cut.bin", as_binary()[:-3])).read(["the"])
