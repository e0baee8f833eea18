"""Tables that cannot be read: one message, at the line of the file, with what to do."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .loading import failure, load

HEAD = b"text,labels\n"
UNDER = "under [data] in the spec"
CASES: list[tuple[bytes, str]] = [
    (
        HEAD + b'"my, text",a,b\n',
        ":2: the row has 3 cells, the header 2\n    try: put a cell with separators or line ends between double quotes",
    ),
    (HEAD + b"ok,a\n\nshort\n", ":4: the row has 1 cell, the header 2\n"),
    (
        HEAD + b'ok,a\n"he said "no"",a\n',
        ":3: broken CSV: ',' expected after '\"'\n"
        "    try: a cell's own double quotes are written twice, and the cell stands between double quotes\n"
        f"    try: quotes = false {UNDER}, if double quotes mean nothing in this file",
    ),
    (HEAD + b'ok,a\n"never ends,a\nb,c\n', ":3: broken CSV: unexpected end of data\n"),
    (
        b"text,labels\rone,a\r",
        ":1: lines end with \\r alone; expected \\n or \\r\\n\n    try: tr '\\r' '\\n' < old > new",
    ),
    (
        HEAD + b"ok,a\na\x00b,a\n",
        ":3: holds a NUL byte, which no text has: the file is broken or UTF-16 without a mark\n"
        "    try: convert it: iconv -f UTF-16 -t UTF-8 train.csv > new.csv",
    ),
    ("text,labels\n".encode("utf-16-le"), ":1: holds a NUL byte"),
    (
        "text,labels\na,b\n".encode("utf-16"),
        ": is UTF-16; expected UTF-8\n    try: convert it: iconv -f UTF-16 -t UTF-8 train.csv > new.csv",
    ),
    (
        HEAD + "ok,a\nna\u00efve,a\n".encode("latin-1"),
        ":3: not UTF-8: byte 0xef at position 19 of the file\n"
        "    try: convert it: iconv -f <its encoding> -t UTF-8 train.csv > new.csv",
    ),
    (
        b"body,labels\na,b\n",
        f":1: no column 'text'; the header has 'body', 'labels'\n    try: text = \"<the column>\" {UNDER}",
    ),
    (
        b"text,Labels\na,b\n",
        f":1: no column 'labels'; the header has 'text', 'Labels'\n    try: labels = \"Labels\" {UNDER}",
    ),
    (b"text;labels\na;b\n", f":1: no column 'text'; the header has 'text;labels'\n    try: delimiter = \";\" {UNDER}"),
    (
        b"text\tlabels\na\tb\n",
        f":1: no column 'text'; the header has 'text\\tlabels'\n    try: delimiter = \"\\t\" {UNDER}",
    ),
    (
        b"text,labels,x,text\na,b,c,d\n",
        ":1: the header has the column 'text' 2 times\n    try: give each column its own name",
    ),
    (HEAD, ": the train split is empty; expected at least one document"),
    (b"", ": the train split is empty; expected at least one document"),
]


@pytest.mark.parametrize(("content", "message"), CASES, ids=range(len(CASES)))
def test_a_broken_csv(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    assert failure(path, label_separator=";").startswith(f"{path}{message}")


def test_columns_that_are_not_asked_for_may_share_a_name(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(",text,labels,\n0,a,b,1\n")
    assert list(load(path, label_separator=";").train.texts) == ["a"]


def test_every_wrong_row_has_a_message(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('text,labels\na\n"b\nc",x\nd,e,f\n')
    lines = [line for line in failure(path, label_separator=";").splitlines() if not line.startswith("    try")]
    assert [line.split(": ")[0] for line in lines] == [f"{path}:2", f"{path}:5"]


@pytest.mark.parametrize(
    ("cells", "separator", "share"),
    [
        (["billing;login", "login", ""], ";", "1 of 2"),
        (["cs.CL|cs.LG", "cs.LG"], "|", "1 of 2"),
        (["New York, USA; Rome", "Rome"], ";", "1 of 2"),
        (["a,b", "b,a"], ",", "2 of 2"),
        (["a\tb", "b"], "\\t", "1 of 2"),
        (["cs.CL cs.LG", "cs.LG", "cs.CL"], " ", "1 of 3"),
        (["a/b", "b/c", "a/c", "a/b/c"], "/", "4 of 4"),
    ],
)
def test_the_likely_separator_is_suggested_and_not_taken(
    tmp_path: Path, cells: list[str], separator: str, share: str
) -> None:
    path = tmp_path / "train.csv"
    path.write_text("text,labels\n" + "".join(f't,"{cell}"\n' for cell in cells))
    assert failure(path) == (
        f"{path}:2: the column 'labels' holds strings, {cells[0]!r}, and nothing says what separates the labels in "
        "them\n"
        f'    try: label_separator = "{separator}" {UNDER}: it stands in {share} cells\n'
        '    try: lists: ["a", "b"]'
    )


def test_where_nothing_separates_each_cell_may_be_one_label(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("text,labels\nt,\nt,signing in\nt,bills and payments\n")
    assert failure(path) == (
        f"{path}:3: the column 'labels' holds strings, 'signing in', and nothing says what separates the labels in "
        "them\n"
        f'    try: label_separator = ";" {UNDER}, if each cell is one label'
    )
    assert load(path, label_separator=";").labels.codes == ("bills and payments", "signing in")


@pytest.mark.parametrize("cell", ["['a' 'b']", "[a, b]", "['a', b]", "[1.5 2]"])
def test_what_only_looks_like_a_list(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "train.csv"
    path.write_text(f'text,labels\nt,"{cell}"\n')
    assert failure(path).startswith(f"{path}:2: {cell!r} in the column 'labels' is no list in JSON or Python\n")


def test_a_list_of_what_no_label_is(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('text,labels\nt,"[1.5]"\n')
    assert failure(path) == f"{path}:2: a label must be a string or a whole number, not a decimal number"


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(b"PAR1 no more")
    message = failure(path)
    assert message.startswith(f"{path}: cannot be read as Parquet: ")
    assert message.endswith("\n    try: copy or download it again")


def test_columns_and_cells_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"text": ["a"], "tags": [["x"]]}), path)
    assert failure(path).startswith(f"{path}: no column 'labels'; the header has 'text', 'tags'\n")
    pq.write_table(pa.table({"text": ["a", "b"], "labels": ["x;y", "z"]}), path)
    assert failure(path).startswith(f"{path}:1: the column 'labels' holds strings, 'x;y', and nothing says")
    pq.write_table(pa.table({"text": [1.5], "labels": [["x"]]}), path)
    assert failure(path).startswith(f"{path}:1: the text must be a string, not a decimal number")


def test_a_cell_of_thousands_of_brackets(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("text,labels\na," + "[" * 100_000 + "]\n")
    assert f"{path}:2: '[[[[" in failure(path)
    assert "in the column 'labels' is no list in JSON or Python" in failure(path)


def test_a_parquet_file_without_columns(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({}), path)
    assert failure(path).startswith(f"{path}: no column 'text'; the header has no column at all")


def test_a_string_of_parquet_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    broken = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0\4\0\0\0"), pa.py_buffer(b"ab\xe9c")]
    )
    pq.write_table(pa.table({"text": broken, "labels": [["x"], ["y"], ["x"]]}), path)
    assert failure(path) == (
        f"{path}:2: the column 'text' is not UTF-8: byte 0xe9 at position 1 of the cell\n"
        "    try: write the column again as UTF-8"
    )
