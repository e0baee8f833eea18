"""`hf:` sources, from local folders that `datasets` reads: no network."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest

from labelloom.data.corpus import Corpus, load_corpus
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings

from .conftest import Write, as_lists, document


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)


def load(folder: Path, **options: object) -> Corpus:
    return load_corpus(DataSettings.model_validate({"source": f"hf:{folder}", **options}))


def parquet(folder: Path, name: str, rows: list[dict[str, object]], features: datasets.Features) -> None:
    folder.mkdir(exist_ok=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / f"{name}.parquet")


CLASSES = datasets.Features(
    {
        "text": datasets.Value("string"),
        "labels": datasets.Sequence(datasets.ClassLabel(names=["joy", "anger", "fear"])),
        "id": datasets.Value("string"),
    }
)


def test_the_names_of_classes_are_the_codes_in_their_order(tmp_path: Path) -> None:
    folder = tmp_path / "emotions"
    parquet(
        folder,
        "train",
        [{"text": "t0", "labels": [2, 0], "id": "x"}, {"text": "t1", "labels": [], "id": "y"}],
        CLASSES,
    )
    parquet(folder, "validation", [{"text": "v", "labels": [0], "id": "z"}], CLASSES)
    corpus = load(folder)
    assert corpus.name == "emotions"
    assert corpus.labels.codes == corpus.labels.names == ("joy", "anger", "fear")
    assert as_lists(corpus.train.label_sets) == [[0, 2], []]
    assert list(corpus.train.ids) == ["x", "y"]
    assert list(corpus.validation.texts) == ["v"]
    assert "labels: 1 label (anger) named but in no document" in corpus.notes


def test_lists_of_strings_and_other_columns(write: Write) -> None:
    rows = [{"body": f"t{n}", "tags": ["b", "a"] if n % 2 else ["c"], "key": n} for n in range(20)]
    folder = write("tags/train.jsonl", [json.dumps(row) for row in rows]).parent
    corpus = load(folder, text="body", labels="tags", id="key", validation=0.2)
    assert corpus.labels.codes == ("a", "b", "c")
    assert len(corpus.train) == 16
    assert [corpus.train.texts[row] for row in range(16)] == [f"t{name}" for name in corpus.train.ids]
    assert load(folder, text="body", labels="tags", id="key", validation=0.2).digest == corpus.digest


def test_one_hot_columns_several_texts_and_names_of_labels(write: Write) -> None:
    rows = [
        {"title": "T", "body": "b", "is_b": 1, "is_a": False},
        {"title": "", "body": "c", "is_b": None, "is_a": True},
    ]
    folder = write("flags/train.jsonl", [json.dumps(row) for row in rows]).parent
    corpus = load(folder, text=["title", "body"], labels=["is_*"], validation=0.5)
    assert corpus.labels.codes == ("is_b", "is_a")
    assert sorted([*corpus.train.texts, *corpus.validation.texts]) == ["T\nb", "c"]
    rows = [{"text": f"t{n}", "labels": "b;a", "names": "Bee;Hay"} for n in range(4)]
    folder = write("named/train.jsonl", [json.dumps(row) for row in rows]).parent
    named = load(folder, label_separator=";", label_names="names")
    assert (named.labels.codes, named.labels.names) == (("a", "b"), ("Hay", "Bee"))


def test_changed_content_is_read_anew(write: Write) -> None:
    folder = write("data/train.jsonl", [document("before")] * 3).parent
    assert load(folder).train.texts[0] == "before"
    write("data/train.jsonl", [document("after, and longer")] * 3)
    assert load(folder).train.texts[0] == "after, and longer"


def failure(folder: Path | str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load_corpus(DataSettings.model_validate({"source": f"hf:{folder}", **options}))
    return str(caught.value)


def test_problems_of_rows_name_split_and_row(tmp_path: Path) -> None:
    folder = tmp_path / "emotions"
    rows: list[dict[str, object]] = [{"text": "t", "labels": [0], "id": "x"}, {"text": None, "labels": [1], "id": "y"}]
    parquet(folder, "train", rows, CLASSES)
    assert failure(folder).startswith(f"hf:{folder}:train:1: the text must be a string, not null")
    parquet(folder, "train", [{"text": "t", "labels": [-1], "id": "x"}], CLASSES)
    assert failure(folder) == f"hf:{folder}:train:0: [-1] are no numbers of the 3 classes"


def test_a_set_without_training_split(write: Write) -> None:
    folder = write("data/test.jsonl", [document()]).parent
    assert failure(folder) == f"hf:{folder}: no split called train; it has test"


def test_a_missing_column(write: Write) -> None:
    folder = write("data/train.jsonl", [{"sentence": "a", "labels": ["b"]}]).parent
    assert failure(folder) == (
        f"hf:{folder}: no column 'text'; it has sentence, labels\n"
        '    try: text = "<the column>" under [data] in the spec'
    )


def test_one_label_is_no_list(write: Write) -> None:
    folder = write("data/train.jsonl", [{"text": "a", "labels": "b"}]).parent
    assert f"hf:{folder}:train:0: the labels must be a list of strings, not a string" in failure(folder)


def test_what_cannot_be_loaded_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing"
    message = failure(missing)
    assert message.startswith(f"hf:{missing}: `datasets` cannot load it: Couldn't find any data file at ")
    assert "try: check the name: a hub name such as hf:owner/name, or hf:./folder" in message
    assert "try: check the network; a data set that was loaded once works with HF_HUB_OFFLINE=1" in message
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    message = failure(missing)
    assert "try: HF_HUB_OFFLINE is set: unset it, or load the data set once while online" in message


def test_a_wrong_configuration(write: Write) -> None:
    folder = write("data/train.jsonl", [document()]).parent
    assert "cannot load it: BuilderConfig 'raw' not found" in failure(folder, hf_config="raw")


def test_splits_that_are_not_used_are_said(write: Write) -> None:
    write("data/unsupervised.jsonl", [document()])
    write(
        "data/README.md",
        [
            "---",
            "configs:",
            "- config_name: default",
            "  data_files:",
            "  - split: train",
            "    path: train.jsonl",
            "  - split: unsupervised",
            "    path: unsupervised.jsonl",
            "---",
        ],
    )
    folder = write("data/train.jsonl", [document()] * 2).parent
    assert load(folder).notes[0] == f"splits of hf:{folder} that are not used: unsupervised"


def test_names_of_labels_mean_nothing_beside_classes(tmp_path: Path) -> None:
    folder = tmp_path / "emotions"
    rows: list[dict[str, object]] = [{"text": "t", "labels": [0], "id": "x"}] * 3
    parquet(folder, "train", rows, CLASSES)
    assert failure(folder, label_names="id") == (
        "data.label_names: the classes of the column 'labels' have names of their own, so label_names means nothing\n"
        "    try: leave it out"
    )


def test_two_splits_that_may_be_validation(write: Write) -> None:
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in ("train", "validation", "dev"):
        write(f"data/{split}.jsonl", [document(split)])
        lines += [f"  - split: {split}", f"    path: {split}.jsonl"]
    folder = write("data/README.md", [*lines, "---"]).parent
    assert failure(folder) == (
        f"hf:{folder}: validation and dev are both the validation split; one is expected\n"
        "    try: download its files and name those of each split: a folder as data.source, and [data.files]"
    )
