"""Reuters-21578 in SGML, split as ModApte does."""

from __future__ import annotations

import gzip
from importlib import import_module
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


def story(number: int, split: str, topics: str, text: str, has_topics: str = "YES") -> str:
    elements = "".join(f"<D>{topic}</D>" for topic in topics.split())
    head = f'<REUTERS TOPICS="{has_topics}" LEWISSPLIT="{split}" CGISPLIT="TRAINING-SET" OLDID="1" NEWID="{number}">'
    places = "<PLACES><D>usa</D></PLACES>"
    return f"{head}\n<DATE>26-FEB-1987</DATE>\n<TOPICS>{elements}</TOPICS>\n{places}\n{text}\n</REUTERS>\n"


def body(title: str, text: str) -> str:
    parts = f"<TITLE>{title}</TITLE>\n<DATELINE>    LONDON, </DATELINE><BODY>{text}\n Reuter\n&#3;</BODY>"
    return f"<TEXT>&#2;\n{parts}</TEXT>"


STORIES = {
    "reut2-000.sgm": [
        story(1, "TRAIN", "cocoa coffee", body("COCOA &lt;UP>", "Prices\nrose &amp; fell.")),
        story(2, "TRAIN", "coffee", '<TEXT TYPE="UNPROC">&#2;\n******ONLY A LINE\n&#3;</TEXT>'),
        story(3, "TRAIN", "", body("NO TOPIC", "x")),
        story(4, "NOT-USED", "cocoa", body("NOT USED", "x")),
        story(5, "TRAIN", "cocoa", body("NO", "x"), "BYPASS"),
    ],
    "reut2-001.sgm": [
        story(6, "TRAIN", "tin", '<TEXT TYPE="BRIEF">&#2;\n<TITLE>A BRIEF</TITLE>\n</TEXT>'),
        story(7, "TEST", "cocoa zinc", body("GRÜN", "y")),
        story(8, "TEST", "coffee", body("Z", "z")),
    ],
}


def reuters(folder: Path) -> None:
    for name, stories in STORIES.items():
        (folder / name).write_bytes(('<!DOCTYPE lewis SYSTEM "lewis.dtd">\n' + "".join(stories)).encode("latin-1"))


def test_modapte_with_the_topics_that_have_both(folder: Path) -> None:
    reuters(folder)
    corpus = load(folder)
    assert documents(corpus) == {
        "train": [
            ("COCOA <UP>\nPrices\nrose & fell.\n Reuter", ["cocoa", "coffee"]),
            ("******ONLY A LINE", ["coffee"]),
        ],
        "test": [("GRÜN\ny\n Reuter", ["cocoa"]), ("Z\nz\n Reuter", ["coffee"])],
    }
    assert list(corpus.train.ids) == ["1", "2"]


def test_every_topic_and_document_of_modapte(folder: Path) -> None:
    reuters(folder)
    corpus = load(folder, format="standard/reuters", topics="all")
    assert corpus.labels.codes == ("cocoa", "coffee", "tin", "zinc")
    assert list(corpus.train.ids) == ["1", "2", "3", "6"]
    assert documents(corpus)["train"][3] == ("A BRIEF", ["tin"])
    assert documents(corpus)["test"][0] == ("GRÜN\ny\n Reuter", ["cocoa", "zinc"])
    text = (folder / "reut2-000.sgm").read_text(encoding="latin-1")
    line = 1 + text[: text.index('NEWID="3"')].count("\n")
    assert f"train: 1 document with no label, kept (first: reut2-000.sgm, line {line})" in corpus.notes


def test_topics_that_labels_json_does_not_name(folder: Path) -> None:
    reuters(folder)
    _write(folder / "labels.json", '{"coffee": "Coffee"}')
    assert failure(folder) == f"{folder / 'labels.json'}: names no label 'cocoa', which documents have"


def test_a_file_that_is_cut_off(folder: Path) -> None:
    reuters(folder)
    path = folder / "reut2-000.sgm"
    path.write_bytes(path.read_bytes()[:-30])
    assert failure(folder) == (
        f"{path}: 5 documents begin and 4 end: the file is cut off or broken\n    try: copy or download it again"
    )


def test_stories_that_share_no_topic(folder: Path) -> None:
    _write(
        folder / "reut2-000.sgm", story(1, "TRAIN", "cocoa", body("A", "a")) + story(2, "TEST", "tin", body("B", "b"))
    )
    assert failure(folder, format="standard/reuters") == (
        f"{folder}: no topic has both a training and a test document\n"
        '    try: format = "standard/reuters" and topics = "all" under [data] in the spec, for every topic\n'
        "    try: all files of the release"
    )
    assert failure(folder).startswith(f"{folder}: no topic has both a training and a test document\n")
    assert load(folder, format="standard/reuters", topics="all").labels.codes == ("cocoa", "tin")


def test_every_topic_of_stories_without_one(folder: Path) -> None:
    _write(folder / "reut2-000.sgm", story(1, "TEST", "tin", body("A", "a")))
    assert failure(folder, format="standard/reuters", topics="all") == (
        f"{folder}: no training document has a topic\n    try: all files of the release"
    )


def test_an_option_of_a_format_that_the_files_tell(folder: Path) -> None:
    reuters(folder)
    assert failure(folder, topics="all") == (
        "data.topics: topics is an option of the format standard/reuters, which is not named here\n"
        '    try: format = "standard/reuters" under [data] in the spec'
    )
    assert failure(folder, format="standard/reuters", topics="every") == (
        "data.topics: must be 'both' or 'all', not 'every'"
    )


def test_a_damaged_file_of_stories(folder: Path) -> None:
    packed = gzip.compress(b"stories" * 100)
    (folder / "reut2-000.sgm.gz").write_bytes(packed[:10] + b"\xff" * 20)
    assert failure(folder, format="standard/reuters").startswith(
        f"{folder / 'reut2-000.sgm.gz'}: cannot be read: Error -3 while decompressing data"
    )


def test_stories_are_parsed_once_to_know_the_topics(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, stories in STORIES.items():
        _write(folder / name, "".join(stories))
    module = import_module("labelloom_standard.formats.reuters")
    parsed, stories_of = [], module._stories

    def noted(path: Path) -> object:
        parsed.append(path.name)
        return stories_of(path)

    monkeypatch.setattr(module, "_stories", noted)
    load(folder)
    parsed.clear()
    load(folder)  # from the cache
    assert sorted(parsed) == sorted(STORIES)
