"""What `labelloom predict` reads: formats, ids, what is already there, and every message about what is wrong."""

from __future__ import annotations

import gzip
import io
import json
import os
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.cli.documents import Document, Fields, Lines, chunks, format_of, opened
from labelloom.errors import DataError

TEXT = Fields()


class Dripping(io.RawIOBase):
    """A stream that gives these pieces, one a read, as a pipe does that another program writes to slowly."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self.pieces.pop(0) if self.pieces else b""
        buffer[: len(piece)] = piece
        return len(piece)


def dripping(*pieces: bytes) -> Lines:
    return Lines(io.BufferedReader(Dripping(*pieces)), "input")


def read(content: bytes, form: str = "lines", fields: Fields = TEXT) -> list[Document]:
    """Every document of `content`."""
    return [document for chunk in chunks(dripping(content), form, fields, 256) for document in chunk]


def test_every_line_is_a_text_whatever_ends_it() -> None:
    assert read(b"one\r\ntwo\n\n three \nlast") == [(1, "one"), (2, "two"), (3, ""), (4, " three "), (5, "last")]
    assert read(b"\xef\xbb\xbfone\n") == [(1, "one")]
    assert read(b"") == []


def test_json_lines_with_and_without_ids() -> None:
    content = b'{"text": "a", "id": "x"}\n\n  \n{"id": 7, "text": "b"}\n{"text": "c", "id": null, "more": []}\n'
    assert read(content, "jsonl") == [("x", "a"), (7, "b"), (5, "c")]
    assert read(b'{"body": "a"}', "jsonl", Fields((("body",),))) == [(1, "a")]


def test_csv_with_quotes_line_ends_and_ids() -> None:
    content = b'id,text\r\nx,"a, ""b"""\r\n,"c\nd"\n\n9,e\n'
    assert read(content, "csv") == [("x", 'a, "b"'), (3, "c\nd"), ("9", "e")]
    assert read(b"text\nhello\n", "csv") == [(2, "hello")]
    assert read(b"", "csv") == []
    assert read(b"text\n" + b"x" * 200_000 + b"\n", "csv") == [(2, "x" * 200_000)]


def test_tsv_is_csv_between_tabs() -> None:
    assert read(b'id\ttext\nx\ta, b\n\t"c\td"\n', "tsv") == [("x", "a, b"), (3, "c\td")]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r")), max_size=8),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_cuts_of_the_stream_change_nothing(texts: list[str], size: int, width: int) -> None:
    """The same documents in the same order, however the bytes come and however many are asked for at once."""
    content = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode()
    pieces = [content[start : start + width] for start in range(0, len(content), width)]
    found = list(chunks(dripping(*pieces), "jsonl", TEXT, size))
    assert all(1 <= len(chunk) <= size for chunk in found)
    assert [document.text for chunk in found for document in chunk] == texts


def test_nothing_waits_for_more_than_it_needs() -> None:
    lines = dripping(b"one\ntwo\nthr", b"ee\n", b"four\nfive\nsix\nseven")
    found = chunks(lines, "lines", TEXT, 2)
    pieces = lines._stream.raw.pieces  # type: ignore[attr-defined]
    assert [document.text for document in next(found)] == ["one", "two"]
    assert len(pieces) == 2  # the second piece has not been asked for
    assert [document.text for document in next(found)] == ["three"]
    assert len(pieces) == 1
    assert [[document.text for document in chunk] for chunk in found] == [["four", "five"], ["six"], ["seven"]]


def test_a_blank_line_does_not_keep_a_document_waiting() -> None:
    lines = dripping(b'{"text": "a"}\n\n', b'{"text": "b"}\n')
    found = chunks(lines, "jsonl", TEXT, 256)
    assert next(found) == [(1, "a")]
    assert len(lines._stream.raw.pieces) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.jsonl", b"", "jsonl"),
        ("a.jsonl.gz", b"x", "jsonl"),
        ("a.ndjson", b"", "jsonl"),
        ("a.json", b"[", "jsonl"),
        ("a.csv", b"", "csv"),
        ("a.csv.gz", b"", "csv"),
        ("a.tsv", b"id\ttext\n", "tsv"),
        ("a.tsv.gz", b"", "tsv"),
        ("a.txt", b'{"text": "a"}\n', "lines"),
        ("a", b"plain\n", "lines"),
        ("a", b"", "lines"),
        ("a", b'\xef\xbb\xbf {"text": "a"}\n', "jsonl"),
        ("a.gz", b'{"text": "a"}\n', "jsonl"),
    ],
)
def test_the_format_follows_from_the_name_or_the_first_line(folder: Path, name: str, content: bytes, form: str) -> None:
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with opened(Path(name)) as lines:
        assert format_of(Path(name), lines) == form


def test_looking_at_the_first_line_takes_nothing(folder: Path) -> None:
    (folder / "a").write_bytes(b"one\ntwo\n")
    with opened(Path("a")) as lines:
        assert format_of(Path("a"), lines) == "lines"
        assert [document for chunk in chunks(lines, "lines", TEXT, 9) for document in chunk] == [
            (1, "one"),
            (2, "two"),
        ]


@pytest.mark.parametrize(
    ("form", "content", "where", "message", "suggestion"),
    [
        ("lines", b"a\nb\xffc\n", "input:2", "not UTF-8: byte 0xff at position 1 of the line", "convert the input"),
        ("jsonl", b'{"text": "a"\n', "input:1", "broken JSON at column 1", "one object a line"),
        ("jsonl", b'["a"]\n', "input:1", "expected one object a line, found a list", "one object a line"),
        ("jsonl", b'\n{"txt": "a"}\n', "input:2", "no field 'text'; the object has 'txt'", "--text-field txt"),
        ("jsonl", b"{}\n", "input:1", "no field 'text'; the object has no field at all", "--text-field <the one"),
        ("jsonl", b'{"text": 3}\n', "input:1", "the text must be a string, not a number", ""),
        (
            "jsonl",
            b'{"text": "a", "id": [1]}\n',
            "input:1",
            "the id must be a string or a whole number, not a list",
            "",
        ),
        ("jsonl", b'{"text": "a", "id": true}\n', "input:1", "or a whole number, not true or false", ""),
        ("jsonl", b'{"text": "a\\ud83d"}\n', "input:1", "half a character, \\ud83d", ""),
        ("jsonl", b"[" * 100_000, "input:1", "broken JSON: maximum recursion", "one object a line"),
        ("csv", b"id,txt\n1,a\n", "input:1", "no column 'text'; the header has 'id', 'txt'", "--text-field txt"),
        ("csv", b"id,text\n1,a,b\n", "input:2", "the row has 3 fields, the header 2", "between double quotes"),
        ("csv", b"id,text\n\n1\n", "input:3", "the row has 1 field, the header 2", "between double quotes"),
        ("tsv", b"id\ttext\n1\ta\tb\n", "input:2", "the row has 3 fields, the header 2", "a text with tabs or line"),
        ("csv", b'text\na\n"b\nc\n', "input:3", "broken CSV: unexpected end of data", "are written twice"),
        ("csv", b'text\n"b"c\n', "input:2", "broken CSV: ',' expected after '\"'", "are written twice"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_what_is_wrong_is_told_at_its_line(
    form: str, content: bytes, where: str, message: str, suggestion: str
) -> None:
    with pytest.raises(DataError) as error:
        read(content, form)
    (problem,) = error.value.problems
    assert problem.where == where
    assert message in problem.message
    assert suggestion in " ".join(problem.suggestions)


def test_what_comes_before_is_given_first() -> None:
    found = chunks(dripping(b'{"text": "a"}\n{"text": "b"}\n{\n'), "jsonl", TEXT, 256)
    assert next(found) == [(1, "a"), (2, "b")]
    with pytest.raises(DataError, match="broken JSON"):
        next(found)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("csv", b"text\n" + b"a\n" * 300, b"b,c\n"),
        ("csv", b"text\n" + b"a\n" * 300, b'"b'),
        ("lines", b"a\n" * 300, b"\xff"),
    ],
)
def test_nothing_that_comes_before_is_lost(form: str, good: bytes, bad: bytes) -> None:
    found = chunks(dripping(good + bad), form, TEXT, 256)
    assert sum(len(chunk) for chunk in islice(found, 2)) == 300
    with pytest.raises(DataError):
        next(found)


def test_files_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(DataError, match="gone: cannot be read: No such file or directory"), opened(Path("gone")):
        pass
    for name in ("texts.jsonl", "texts.csv", "test.jsonl.gz"):
        (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read") as error, opened(Path("text.jsonl")):
        pass
    assert error.value.problems[0].suggestions == ("texts.jsonl",)
    (folder / "dir").mkdir()
    with pytest.raises(DataError, match="dir: cannot be read: Is a directory"), opened(Path("dir")):
        pass
    (folder / "cut.gz").write_bytes(gzip.compress(os.urandom(20_000).hex().encode())[:-20])
    with opened(Path("cut.gz")) as lines, pytest.raises(DataError, match=r"cut\.gz: is not a whole gzip file"):
        list(lines)
    (folder / "no.gz").write_bytes(b"plain")
    with opened(Path("no.gz")) as lines, pytest.raises(DataError, match=r"no\.gz: is not a whole gzip file"):
        next(lines)


def test_a_stream_that_breaks() -> None:
    class Breaking(Dripping):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match="input: cannot be read: Input/output error"):
        next(Lines(io.BufferedReader(Breaking()), "input"))


def test_several_fields_are_joined_and_the_first_choice_that_is_there_is_taken() -> None:
    fields = Fields((("title", "body"), ("text",)), id="key")
    assert read(b'{"title": "t", "body": "b", "key": 4}\n{"text": "x"}\n', "jsonl", fields) == [(4, "t\nb"), (2, "x")]
    assert read(b"key,title,body\nk,t,b\n,, b\n", "csv", fields) == [("k", "t\nb"), (3, " b")]
    assert read(b"text\nx\n", "csv", fields) == [(2, "x")]
    with pytest.raises(DataError, match="no column 'body'; the header has 'title'"):
        read(b"title\nx\n", "csv", fields)
    with pytest.raises(DataError, match="input:1: the text must be a string, not a number"):
        read(b'{"title": "t", "body": 3}\n', "jsonl", fields)


def test_other_signs_between_columns() -> None:
    assert read(b'text;id\n"a;b";7\n', "csv", Fields(delimiter=";")) == [("7", "a;b")]
    with pytest.raises(DataError) as told:
        read(b"text;id\na;7\n", "csv")
    assert str(told.value).splitlines() == [
        "input:1: no column 'text'; the header has 'text;id'",
        '    try: --delimiter ";"',
    ]
