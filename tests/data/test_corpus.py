from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labelloom.data import corpus as corpus_module
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.spec.data import DataSettings

from .conftest import Write, as_lists, document


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
    assert as_lists(corpus.train.label_sets) == [[0, 1], [2]]
    assert list(corpus.validation.texts) == ["three"]
    assert corpus.test is not None
    assert as_lists(corpus.test.label_sets) == [[0]]
    assert corpus.notes == ["validation: 1 document with no label, kept (first: line 1)"]


def test_labels_json_gives_order_and_names(write: Write) -> None:
    folder = three_splits(write)
    (folder / "labels.json").write_bytes(
        b"\xef\xbb\xbf" + json.dumps({"c": "sea", "a": "hay", "b": "bee", "never": "n", "z": "zed"}).encode()
    )
    corpus = load(folder)
    assert corpus.labels.codes == ("c", "a", "b", "never", "z")
    assert corpus.labels.names == ("sea", "hay", "bee", "n", "zed")
    assert as_lists(corpus.train.label_sets) == [[1, 2], [0]]
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
    corpus = load(write("data.jsonl", records), validation=0.3, split_seed=3)
    assert np.bincount(corpus.validation.label_sets.values).tolist() == [3, 3, 3, 3]
    assert sorted([*corpus.train.texts, *corpus.validation.texts]) == sorted(str(r["text"]) for r in records)
    for split in (corpus.train, corpus.validation):
        for row, text in enumerate(split.texts):
            assert split.label_sets[row].tolist() == [int(text[1:]) % 4]
            assert split.ids[row] == f"train-{int(text[1:]) + 1}"
    assert corpus.test is None
    assert corpus.notes == [
        "validation: 12 documents cut from train (30 %, iterative stratification with seed 3, so that every label "
        "keeps its share)",
        "test: there is none, so evaluation is on validation, which also chooses checkpoint and threshold; add a test "
        "split, or cut one with data.test = 0.1",
    ]


def test_the_cut_follows_from_its_seed(write: Write) -> None:
    path = write("data.jsonl", [document(f"t{n}", [f"l{n % 4}"]) for n in range(40)])
    assert list(load(path, split_seed=1).validation.ids) == list(load(path, split_seed=1).validation.ids)
    assert list(load(path, split_seed=1).validation.ids) != list(load(path, split_seed=2).validation.ids)
    assert load(path, split_seed=1).digest == load(path, split_seed=1).digest
    assert load(path, split_seed=1).digest != load(path, split_seed=2).digest


def test_test_and_validation_are_cut_as_shares_of_the_whole(write: Write) -> None:
    corpus = load(write("data.jsonl", [document(f"t{n}") for n in range(100)]), validation=0.2, test=0.4)
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 40, "test": 40, "validation": 20}
    assert len({*corpus.train.ids, *corpus.validation.ids, *corpus.splits["test"].ids}) == 100
    assert [note.split(" (")[0] for note in corpus.notes[-2:]] == [
        "test: 40 documents cut from train",
        "validation: 20 documents cut from train",
    ]


def test_limit_takes_the_first_documents_of_each_split(write: Write) -> None:
    write("corpus/train.jsonl", [document(f"t{n}", [f"l{n}"]) for n in range(5)])
    write("corpus/val.jsonl", [document("v")])
    folder = write("corpus/test.jsonl", ["", document("first"), document("second"), "not read"]).parent
    corpus = load(folder, limit=2)
    assert list(corpus.train.texts) == ["t0", "t1"]
    assert list(corpus.splits["test"].texts) == ["first", "second"]
    assert corpus.labels.codes == ("a", "l0", "l1")
    assert "limit: at most the first 2 documents of each split are used" in corpus.notes


def test_the_bundled_sample(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "arxiv-mini").mkdir()
    monkeypatch.chdir(tmp_path)
    corpus = load("arxiv-mini")
    assert corpus.name == "arxiv-mini"
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 800, "validation": 200, "test": 200}
    assert len(corpus.labels) == 20
    assert corpus.labels.names[corpus.labels.index("cs.CL")] == "Computation and Language"
    assert corpus.statistics.cardinality == pytest.approx(2.6, abs=0.05)
    assert corpus.notes == []
    licence = Path(corpus_module.__file__).parent / "samples" / "arxiv-mini" / "LICENSE.md"
    assert "CC0 1.0" in licence.read_text()


def test_the_second_load_reads_nothing_but_the_cache(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = three_splits(write)
    first = load(folder)
    data = write("data.jsonl", [document(f"t{n}") for n in range(20)])
    cut = load(data)

    def parse(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr("labelloom.data.corpus.read_source", parse)
    monkeypatch.setattr("labelloom.data.corpus.stratified_cut", parse)
    second = load(folder)
    assert second.labels == first.labels
    assert second.notes == first.notes
    assert second.digest == first.digest
    for name, split in first.splits.items():
        assert list(second.splits[name].texts) == list(split.texts)
        assert second.splits[name].digest == split.digest
        assert second.splits[name].label_sets.values.tolist() == split.label_sets.values.tolist()
    again = load(data)
    assert again.notes == cut.notes
    assert list(again.validation.ids) == list(cut.validation.ids)


@pytest.mark.parametrize("file", ["train.jsonl.gz", "dev.jsonl", "labels.json"])
def test_changed_files_are_read_anew(write: Write, file: str) -> None:
    folder = three_splits(write)
    write("corpus/labels.json", ['{"a": "A", "b": "B", "c": "C"}'])
    before = load(folder)
    if file == "labels.json":
        write("corpus/labels.json", ['{"a": "Other", "b": "B", "c": "C"}'])
        assert load(folder).labels.names == ("Other", "B", "C")
    else:
        write(f"corpus/{file}", [document("changed")])
        split = "train" if file.startswith("train") else "validation"
        assert list(load(folder).splits[split].texts) == ["changed"]
    assert load(folder).digest != before.digest


def test_texts_are_mapped_and_chosen_without_copying(write: Write) -> None:
    corpus = load(write("data.jsonl", [document(f"text {n}") for n in range(2500)]), validation=0.5)
    texts = corpus.train.texts
    everything = list(texts)
    assert len(texts) == len(everything) == 1250
    assert [texts[row] for row in (0, 700, -1)] == [everything[0], everything[700], everything[-1]]
    assert texts.take([5, 5, 1249, 0]) == [everything[row] for row in (5, 5, 1249, 0)]
    assert [len(batch) for batch in texts.batches(500)] == [500, 500, 250]
    with pytest.raises(IndexError, match="row 1250 of 1250"):
        texts[1250]
    part = corpus.train.select("part", np.array([3, 1]))
    assert list(part.texts) == [everything[3], everything[1]]
    assert list(part.ids) == corpus.train.ids.take([3, 1])
    assert part.digest != corpus.train.digest


def test_processes_that_load_at_once_agree(write: Write, cache: Path) -> None:
    path = write("data.jsonl", [document(f"t{n}", [f"l{n % 7}"]) for n in range(3000)])
    script = (
        "import sys\n"
        "from labelloom.data.corpus import load_corpus\n"
        "from labelloom.spec.data import DataSettings\n"
        "corpus = load_corpus(DataSettings(source=sys.argv[1]))\n"
        "print(corpus.digest, corpus.train.texts[-1], corpus.statistics.neighbours(1)[0].tolist())\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = [process.communicate()[0] for process in started]
    assert all(process.returncode == 0 for process in started)
    assert found[0].startswith(load(path).digest)
    assert len(set(found)) == 1
    assert [name.name.startswith(".") for folder in cache.iterdir() for name in folder.iterdir()] == [False] * 4


def test_a_reader_that_is_killed_leaves_nothing_that_is_taken_for_whole(write: Write, cache: Path) -> None:
    path = write("data.jsonl", [document(f"t{n}") for n in range(50)])
    script = (
        "import os, sys\n"
        "import labelloom.data.corpus as c\n"
        "from labelloom.spec.data import DataSettings\n"
        "c.reading_notes = lambda *_: os._exit(9)\n"
        "c.load_corpus(DataSettings(source=sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], env=os.environ, check=False)
    assert done.returncode == 9
    assert all(folder.name.startswith(".") for folder in (cache / "corpora").iterdir())
    assert len(load(path).train) == 45
