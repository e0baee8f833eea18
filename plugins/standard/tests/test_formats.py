"""The forms of published data sets: what is written in each comes back, and what is wrong is said at its line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from labelloom.data.corpus import Corpus, load_uncut
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings

CODES = ["math.CO", "cs.CL", "cs.LG"]
DOCUMENTS = {
    "train": [("parsing graphs", [1, 0]), ("learning – 二 \u2028 words", [2]), ("tabs\tinside", [1, 2])],
    "validation": [("held out", [0])],
    "test": [("unseen", [1, 2]), ("more", [2])],
}


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


def expected(codes: list[str], splits: Mapping[str, list[tuple[str, list[int]]]] = DOCUMENTS) -> dict[str, object]:
    """`DOCUMENTS` with labels in the order of `codes`."""
    return {
        name: [(text, [codes[label] for label in sorted(labels)]) for text, labels in split]
        for name, split in splits.items()
    }


Writer = Callable[[Path], dict[str, object]]
"""Writes `DOCUMENTS` to a folder and tells what reading it must give."""


def write(path: Path, text: str) -> None:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)


def sgm(folder: Path, end: str = "\n", suffix: str = "") -> dict[str, object]:
    for split, word in (("train", "train"), ("validation", "val"), ("test", "test")):
        write(folder / f"text_{word}{suffix}", "".join(f"{text}{end}" for text, _ in DOCUMENTS[split]))
        labels = (" ".join(CODES[label] for label in labels) for _, labels in DOCUMENTS[split])
        write(folder / f"label_{word}{suffix}", "".join(f"{each}{end}" for each in labels))
    ordered = sorted(CODES)
    splits = {
        name: [(text, [ordered.index(CODES[label]) for label in labels]) for text, labels in split]
        for name, split in DOCUMENTS.items()
    }
    return expected(ordered, splits)


def hedwig(folder: Path, end: str = "\n", suffix: str = "") -> dict[str, object]:
    for split, word in (("train", "train"), ("validation", "dev"), ("test", "test")):
        lines = (
            "".join("01"[label in labels] for label in range(3)) + f"\t{text}" for text, labels in DOCUMENTS[split]
        )
        write(folder / f"{word}.tsv{suffix}", "".join(f"{line}{end}" for line in lines))
    return expected(["0", "1", "2"])


def goemotions(folder: Path, end: str = "\n", suffix: str = "") -> dict[str, object]:
    for split, word in (("train", "train"), ("validation", "dev"), ("test", "test")):
        lines = (
            f"{text}\t{','.join(map(str, labels))}\tid{row}" for row, (text, labels) in enumerate(DOCUMENTS[split])
        )
        write(folder / f"{word}.tsv{suffix}", "".join(f"{line}{end}" for line in lines))
    write(folder / "emotions.txt", end.join(CODES))
    return expected(CODES)


def without_validation() -> dict[str, list[tuple[str, list[int]]]]:
    return {name: split for name, split in DOCUMENTS.items() if name != "validation"}


def xc(folder: Path, end: str = "\n", suffix: str = "") -> dict[str, object]:
    splits = without_validation()
    for split, word in (("train", "trn"), ("test", "tst")):
        records = (
            {
                "uid": f"{split}{row}",
                "title": text,
                "content": "",
                "target_ind": labels,
                "target_rel": [1.0] * len(labels),
            }
            for row, (text, labels) in enumerate(splits[split])
        )
        write(folder / f"{word}.json{suffix}", "".join(json.dumps(record) + end for record in records))
    lines = (json.dumps({"uid": code, "title": code.upper()}) + end for code in CODES)
    write(folder / f"lbl.json{suffix}", "".join(lines))
    return expected(CODES, splits)


def rmsc(folder: Path, end: str = "\n", suffix: str = "") -> dict[str, object]:
    for split, word in (("train", "train"), ("validation", "valid"), ("test", "test")):
        albums = [
            {"name": "x", "tags": [CODES[label] for label in labels], "all_short_comments": [{"comment": text}]}
            for text, labels in DOCUMENTS[split]
        ]
        write(folder / f"rmsc.data.{word}.json{suffix}", json.dumps(albums) + end)
    found = sgm_order()
    found["train"] = [(" ".join(text.split()), codes) for text, codes in found["train"]]
    return dict(found)


def sgm_order() -> dict[str, list[tuple[str, list[str]]]]:
    return {
        name: [(text, sorted(CODES[label] for label in labels)) for text, labels in split]
        for name, split in DOCUMENTS.items()
    }


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("writer", [sgm, hedwig, goemotions, xc, rmsc])
def test_what_is_written_comes_back(
    folder: Path, writer: Callable[..., dict[str, object]], end: str, suffix: str
) -> None:
    wanted = writer(folder, end=end, suffix=suffix)
    corpus = load(folder)
    assert documents(corpus) == wanted
    named = load(folder, format=f"standard/{writer.__name__}")
    assert documents(named) == wanted
    assert named.name == "data"


@pytest.mark.parametrize("writer", [sgm, hedwig, goemotions])
def test_a_mark_before_the_first_line(folder: Path, writer: Callable[..., dict[str, object]]) -> None:
    wanted = writer(folder)
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert documents(load(folder)) == wanted


@pytest.mark.parametrize("writer", [sgm, hedwig, goemotions, xc])
def test_bytes_that_are_not_utf_8(folder: Path, writer: Callable[..., dict[str, object]]) -> None:
    writer(folder)
    path = folder / {"sgm": "text_train", "xc": "trn.json"}.get(writer.__name__, "train.tsv")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"\xff" + lines[1], *lines[2:]]))
    assert failure(folder).startswith(f"{path}:2: not UTF-8: byte 0xff at position {len(lines[0]) + 1} of the file")


# Labels.


@pytest.mark.parametrize("writer", [sgm, hedwig, goemotions, xc, rmsc])
def test_a_label_file_names_and_orders_the_labels(folder: Path, writer: Callable[..., dict[str, object]]) -> None:
    writer(folder)
    write(folder / "names.csv", "code,name,description\n" + "".join(f"{code},{code.lower()},about\n" for code in CODES))
    corpus = load(folder, label_file="names.csv")
    assert corpus.labels.codes == tuple(CODES)
    assert corpus.labels.names == ("math.co", "cs.cl", "cs.lg")
    assert corpus.labels.descriptions == ("about",) * 3
    assert documents(corpus)["test"] == expected(CODES)["test"]
    write(folder / "labels.json", json.dumps(dict.fromkeys(CODES, "N")))
    if writer is not xc:
        assert load(folder).labels.names == ("N", "N", "N")


def test_names_of_the_extreme_classification_repository(folder: Path) -> None:
    xc(folder)
    assert load(folder).labels.names == tuple(code.upper() for code in CODES)
    (folder / "lbl.json").unlink()
    write(folder / "Yf.txt", "Combinatorics\n\nLearning\n")
    corpus = load(folder)
    assert corpus.labels.codes == ("0", "1", "2")
    assert corpus.labels.names == ("Combinatorics", "1", "Learning")


# SGM.


@pytest.mark.parametrize(("longer", "shorter"), [("text_train", "label_train"), ("label_train", "text_train")])
def test_files_of_texts_and_labels_have_as_many_lines(folder: Path, longer: str, shorter: str) -> None:
    sgm(folder)
    (folder / longer).write_text((folder / longer).read_text() + "more\n")
    assert failure(folder).startswith(
        f"{folder / longer}:4: {shorter} ends before this line; expected a line of labels"
    )


def test_blank_lines_at_the_end_of_one_file_mean_nothing(folder: Path) -> None:
    wanted = sgm(folder)
    (folder / "text_train").write_text((folder / "text_train").read_text() + "\n")
    assert documents(load(folder)) == wanted


def test_texts_without_labels_and_two_files_for_one_split(folder: Path) -> None:
    sgm(folder)
    (folder / "label_val").unlink()
    assert failure(folder) == f"{folder}: the validation split has texts and no labels"
    sgm(folder)
    write(folder / "text_valid", "x")
    assert failure(folder) == f"{folder}: text_valid and text_val are both the validation split; keep one of them"


# hedwig.


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("01\ttext", "the bit string has 2 signs; expected 3, one a label"),
        ("012\ttext", "expected a bit string, a tab and a text, not '012\\ttext'"),
        ("just a text", "expected a bit string, a tab and a text, not 'just a text'"),
    ],
)
def test_lines_that_are_no_bit_string_and_text(folder: Path, line: str, message: str) -> None:
    hedwig(folder)
    write(folder / "train.tsv", f"010\tgood\n\n{line}\n")
    assert failure(folder) == f"{folder / 'train.tsv'}:3: {message}"


def test_as_many_names_as_signs(folder: Path) -> None:
    hedwig(folder)
    write(folder / "labels.json", '{"a": "A"}')
    assert failure(folder).startswith(f"{folder / 'labels.json'}: names 1 labels, but train.tsv has 3 signs a document")


def test_a_table_with_a_header_is_neither_hedwig_nor_goemotions(folder: Path) -> None:
    write(folder / "train.tsv", "text\tlabels\n0101\ta\n")
    assert documents(load(folder, label_separator=";")) == {"train": [("0101", ["a"])]}
    assert failure(folder, format="standard/hedwig").startswith(
        f"{folder}: is not in the format standard/hedwig; expected train.tsv | train.tsv.gz"
    )


# GoEmotions.


def test_comments_keep_their_ids(folder: Path) -> None:
    goemotions(folder)
    assert list(load(folder).train.ids) == ["id0", "id1", "id2"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("text\t0,7\tx", "there is no label 7; the 3 labels have the numbers from 0"),
        ("text\tjoy\tx", "expected a text, numbers with commas and an id between tabs, not 'text\\tjoy\\tx'"),
    ],
)
def test_lines_that_are_no_comment(folder: Path, line: str, message: str) -> None:
    goemotions(folder)
    write(folder / "train.tsv", f"good\t0\tx0\n{line}\n")
    assert failure(folder) == f"{folder / 'train.tsv'}:2: {message}"


def test_numbers_need_their_names(folder: Path) -> None:
    goemotions(folder)
    (folder / "emotions.txt").unlink()
    missing = (
        f"{folder}: there is no emotions.txt, so nothing says what the numbers of the labels mean\n"
        "    try: the file emotions.txt of the release\n"
        '    try: label_file = "…" under [data], a label a line'
    )
    assert failure(folder, format="standard/goemotions") == missing
    assert failure(folder).startswith(f"{missing}\n{folder / 'train.tsv'}:1: no column 'text'; the header has")


# The Extreme Classification Repository, texts.


def test_title_and_content_are_the_text_or_one_of_them(folder: Path) -> None:
    xc(folder)
    write(folder / "trn.json", json.dumps({"uid": 7, "title": "T", "content": " C ", "target_ind": [0]}))
    assert load(folder).train.texts[0] == "T\nC"
    assert load(folder, text="content").train.texts[0] == "C"
    assert list(load(folder, text=["title"]).train.ids) == ["7"]
    assert failure(folder, text="body", format="standard/xc").startswith("data.text: the texts are title and content;")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target_ind": [0, 3]}, "target_ind has 3; the 3 labels count from 0"),
        ({"target_ind": [-1]}, "target_ind has -1; the 3 labels count from 0"),
        ({"target_ind": "0"}, "target_ind must be a list of numbers, not a string"),
        ({"target_ind": [True]}, "target_ind must be a list of numbers, not a list"),
        ({"title": 3}, "title and content must be strings, not a number"),
    ],
)
def test_records_that_are_wrong(folder: Path, change: dict[str, object], message: str) -> None:
    xc(folder)
    good = {"uid": "a", "title": "T", "target_ind": [0]}
    write(folder / "trn.json", json.dumps(good) + "\n" + json.dumps({**good, "uid": "b", **change}))
    assert failure(folder) == f"{folder / 'trn.json'}:2: {message}"


def test_labels_that_nothing_names_or_that_are_there_twice(folder: Path) -> None:
    xc(folder)
    write(folder / "lbl.json", '{"uid": "a"}\n{"uid": "a"}')
    assert failure(folder) == f"{folder / 'lbl.json'}:2: the label 'a' is there twice"
    (folder / "lbl.json").unlink()
    assert failure(folder).startswith(f"{folder}: there is no lbl.json and no Yf.txt, so nothing says what the numbers")


# RMSC.


def test_albums_in_files_of_their_own(folder: Path) -> None:
    comments = [{"comment": "great\n piano", "rate": 5}, {"comment": " "}, {"comment": "calm"}]
    for name in ("Köln Concert", "Kind of Blue"):
        write(folder / f"{name}.json", json.dumps({"tags": ["Jazz"], "all_short_comments": comments}))
    corpus = load(folder)
    assert list(corpus.train.ids) == ["Kind of Blue", "Köln Concert"]
    assert corpus.train.texts[0] == "great piano\ncalm"


@pytest.mark.parametrize(
    ("album", "message"),
    [
        ({"tags": ["Jazz"]}, "expected an album with tags and a list all_short_comments"),
        ({"tags": ["Jazz"], "all_short_comments": [{"text": "x"}]}, "a comment must be a string, not null"),
        ({"tags": "Jazz", "all_short_comments": []}, "the labels must be a list of strings, not a string"),
    ],
)
def test_albums_that_are_wrong(folder: Path, album: dict[str, object], message: str) -> None:
    good = {"tags": ["Jazz"], "all_short_comments": [{"comment": "x"}]}
    write(folder / "train.json", json.dumps([good, album]))
    assert failure(folder).startswith(f"{folder / 'train.json'}:2: {message}")


def test_files_that_are_no_album_and_two_lists_for_one_split(folder: Path) -> None:
    write(folder / "a.json", json.dumps({"tags": ["Jazz"], "all_short_comments": []}))
    write(folder / "b.json", "[1]")
    write(folder / "c.json", "{")
    message = failure(folder)
    assert f"{folder / 'b.json'}: expected one album, an object, not a list" in message
    assert f"{folder / 'c.json'}: broken JSON: " in message
    for name in ("a.json", "b.json", "c.json"):
        (folder / name).unlink()
    rmsc(folder)
    write(folder / "rmsc.data.dev.json", "[]")
    both = "rmsc.data.dev.json and rmsc.data.valid.json"
    assert failure(folder) == f"{folder}: {both} are both the validation split; keep one of them"


@pytest.mark.parametrize("named", ["styles.json", "./styles.json", "absolute", "another/../styles.json"])
def test_a_file_of_labels_is_no_album_however_it_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    album = json.dumps({"tags": ["Jazz"], "all_short_comments": [{"comment": "calm"}]})
    write(folder / "a.json", album)
    write(folder / "styles.json", '{"Jazz": "jazz"}')
    (folder / "another").mkdir()
    monkeypatch.chdir(folder)
    label_file = str(folder / "styles.json") if named == "absolute" else named
    assert documents(load(folder, label_file=label_file)) == {"train": [("calm", ["Jazz"])]}
    assert documents(load(Path("."), label_file=label_file)) == {"train": [("calm", ["Jazz"])]}


def test_lists_without_a_training_split_are_no_albums(folder: Path) -> None:
    write(folder / "rmsc.data.test.json", json.dumps([{"tags": ["Jazz"], "all_short_comments": []}]))
    assert failure(folder, format="standard/rmsc") == (
        f"{folder}: no training split; found rmsc.data.test.json\n    try: a file rmsc.data.train.json in the folder"
    )
    (folder / "rmsc.data.test.json").unlink()
    write(folder / "test.json", json.dumps({"tags": ["Jazz"], "all_short_comments": [{"comment": "calm"}]}))
    assert documents(load(folder)) == {"train": [("calm", ["Jazz"])]}


@pytest.mark.parametrize("nothing", ["not gzip", "cut", "damaged"])
def test_a_gzip_file_that_is_none_stops_no_table(folder: Path, nothing: str) -> None:
    packed = gzip.compress(b"{}" * 1000)
    content = {"not gzip": b"{}", "cut": packed[:-9], "damaged": packed[:10] + b"\xff" * 20}[nothing]
    (folder / "extra.json.gz").write_bytes(content)
    write(folder / "train.csv", "text,labels\none,[]\ntwo,[1]\n")
    assert documents(load(folder)) == {"train": [("one", []), ("two", ["1"])]}


def test_texts_and_labels_may_end_differently_and_a_split_is_there_once(folder: Path) -> None:
    wanted = sgm(folder)
    (folder / "text_test").rename(folder / "text_test.txt")
    assert documents(load(folder)) == wanted
    (folder / "label_test").rename(folder / "label_test.txt")
    assert documents(load(folder)) == wanted
    write(folder / "text_test", "x")
    assert failure(folder) == f"{folder}: text_test and text_test.txt are both the test split; keep one of them"


def test_a_format_leaves_no_other_split_unsaid(folder: Path) -> None:
    wanted = sgm(folder)
    write(folder / "train.jsonl", '{"text": "t", "labels": ["a"]}\n')
    assert failure(folder) == (
        f"{folder}: may be standard/sgm, which does not use train.jsonl; the spec must say which\n"
        '    try: format = "standard/sgm" under [data] in the spec\n'
        '    try: format = "jsonl" under [data] in the spec'
    )
    assert documents(load(folder, format="standard/sgm")) == wanted
    assert documents(load(folder, format="jsonl")) == {"train": [("t", ["a"])]}
