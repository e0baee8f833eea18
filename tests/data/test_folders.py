"""Which files of a folder are which split, told by their names or by the spec, and folders that do not tell."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from labelloom.spec.data import DataSettings

from .loading import documents, failure, load


def fill(folder: Path, **files: str) -> Path:
    """Writes CSV files with a document each, by name with __ for the folder's slash."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text,labels\n{text},a\n")
    return folder


def texts(path: Path, **options: object) -> dict[str, list[str]]:
    corpus = load(path, label_separator=";", **options)
    return {name: list(split.texts) for name, split in corpus.splits.items()}


def test_files_of_any_form_by_their_names(tmp_path: Path) -> None:
    fill(tmp_path, **{"train.csv": "t"})
    (tmp_path / "dev.tsv").write_text("text\tlabels\nv\ta\n")
    (tmp_path / "test.ndjson").write_text('{"text": "e", "labels": ["a"]}\n')
    assert texts(tmp_path) == {"train": ["t"], "validation": ["v"], "test": ["e"]}


def test_numbered_files_are_one_split_in_their_order(tmp_path: Path) -> None:
    fill(tmp_path, **{f"train-0000{n}-of-00003.csv": f"t{n}" for n in (2, 0, 1)}, **{"val-0-of-1.csv": "v"})
    assert texts(tmp_path) == {"train": ["t0", "t1", "t2"], "validation": ["v"]}
    assert list(load(tmp_path, label_separator=";").train.ids) == ["train-1-2", "train-2-2", "train-3-2"]
    (tmp_path / "train-00001-of-00003.csv").unlink()
    assert failure(tmp_path, label_separator=";").startswith(
        f"{tmp_path}: 1 of the 3 files of the train split are missing; the first is train-00001-of-00003\n"
    )


def test_a_folder_may_be_a_split(tmp_path: Path) -> None:
    fill(tmp_path, train__b="x", **{"train__2.csv": "t2", "train__1.csv": "t1", "validation__v.csv": "v"})
    assert texts(tmp_path) == {"train": ["t1", "t2"], "validation": ["v"]}


def test_the_spec_may_name_files_and_patterns(tmp_path: Path) -> None:
    fill(tmp_path, **{"a.csv": "a", "more__c.csv": "c", "more__b.csv": "b", "held.csv": "h", "deep__er__d.csv": "d"})
    files = {"train": ["a.csv", "more/*.csv", "a.csv"[:1] + ".csv*"], "test": "held.csv"}
    assert texts(tmp_path, files=files) == {"train": ["a", "b", "c"], "test": ["h"]}
    assert texts(tmp_path, files={"train": "**/d.csv"}) == {"train": ["d"]}
    assert texts(tmp_path, files={"train": str(tmp_path / "a.csv")}) == {"train": ["a"]}


def test_places_in_several_files_name_the_file(tmp_path: Path) -> None:
    fill(tmp_path, **{"a.csv": "same", "b.csv": "same", "test.csv": "same"})
    files = {"train": ["a.csv", "b.csv"], "test": "test.csv"}
    (tmp_path / "b.csv").write_text("text,labels\n,a\nsame,\n")
    assert load(tmp_path, files=files, label_separator=";").notes == [
        "train: 1 document with no text, kept (first: b.csv, line 2)",
        "train: 1 document with no label, kept (first: b.csv, line 3)",
        "train: 1 document with the text of an earlier one, kept (first: b.csv, line 3)",
        "test: 1 document with the same text as a document of train, kept: scores on them are too good (first: line 2)",
    ]
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id,text,labels\n7,a,a\n")
    assert failure(tmp_path, files=files, label_separator=";").startswith(
        f"{tmp_path / 'b.csv'}:2: the id '7' occurs twice, first in line 2 of {tmp_path / 'a.csv'}\n"
    )


def test_problems_of_several_files(tmp_path: Path) -> None:
    fill(tmp_path, **{"a.csv": "a", "b.csv": "b,c"})
    message = failure(tmp_path, files={"train": ["a.csv", "b.csv"]}, label_separator=";")
    assert message.startswith(f"{tmp_path / 'b.csv'}:2: the row has 3 cells, the header 2")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,labels\n")
    assert failure(tmp_path, files={"train": ["a.csv", "b.csv"]}).startswith(
        f"{tmp_path / 'a.csv'} and 1 more file: the train split is empty"
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train": "x*.csv"}, "data.files.train: no file 'x*.csv' in {}\n    try: a.csv\n    try: b.odd"),
        (
            {"train": "a.csv", "test": ["*.csv"]},
            "data.files.test: a.csv is also in data.files.train: a file belongs to one",
        ),
        (
            {"train": "b.odd"},
            'data.files.train: nothing tells how b.odd is written\n    try: format = "csv" under [data]',
        ),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, files: dict[str, object], message: str) -> None:
    fill(tmp_path, **{"a.csv": "a", "b.odd": "b"})
    assert failure(tmp_path, files=files).startswith(message.format(tmp_path))


def test_several_things_that_are_one_split(tmp_path: Path) -> None:
    fill(tmp_path, **{"train.csv": "t", "train__1.csv": "u"})
    assert failure(tmp_path) == (
        f"{tmp_path}: train/ and train.csv are both the train split; keep one of them\n"
        '    try: [data.files] train = "train/*", and the other splits'
    )


def test_one_split_in_two_forms(tmp_path: Path) -> None:
    fill(tmp_path / "files", **{"train.csv": "t"})
    (tmp_path / "files" / "train.jsonl").write_text('{"text": "j", "labels": ["a"]}\n')
    assert failure(tmp_path / "files") == (
        f"{tmp_path / 'files'}: train.csv and train.jsonl are both the train split; keep one of them\n"
        '    try: format = "csv" under [data] in the spec\n'
        '    try: format = "jsonl" under [data] in the spec\n'
        '    try: [data.files] train = "train.csv", and the other splits'
    )
    assert texts(tmp_path / "files", format="jsonl") == {"train": ["j"]}
    fill(tmp_path / "deep", **{"train__1.csv": "t"})
    (tmp_path / "deep" / "train" / "2.tsv").write_text("text\tlabels\nu\ta\n")
    assert failure(tmp_path / "deep").startswith(
        f'{tmp_path / "deep" / "train"}: has files of 2 forms: csv, tsv; a split has one\n    try: format = "csv" under'
    )
    assert texts(tmp_path / "deep", format="tsv") == {"train": ["u"]}
    assert failure(tmp_path / "deep", format="json") == (
        f"{tmp_path / 'deep' / 'train'}: has no file that is read; expected .json or .json.gz\n"
        "    try: another name for the folder, if it is no split\n"
        '    try: [data.files] train = ["…"], to name the files'
    )


def test_a_sample_in_another_form_and_a_file_with_files(tmp_path: Path) -> None:
    assert "no training split; found no file that is read" in failure("arxiv-mini", format="csv")
    assert "is not in the format standard/sgm; expected text_train*" in failure("arxiv-mini", format="standard/sgm")
    fill(tmp_path, **{"train.csv": "t"})
    assert failure(tmp_path / "train.csv", files={"train": "train.csv"}) == (
        "data.files: the source is one file; files names those of a folder\n"
        f'    try: source = "{tmp_path}" under [data] in the spec'
    )


def test_what_changes_what_is_read_is_part_of_the_cache_s_key(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('title,text,labels,toxic,about\nT,"t;""u""",a;b,1,x;y\n')
    wanted: list[dict[str, object]] = [
        {"label_separator": ";"},
        {"label_separator": ","},
        {"text": ["title", "text"], "label_separator": ";"},
        {"text": ["text"], "labels": ["toxic"]},
        {"label_separator": ";", "label_names": "about"},
        {"label_separator": ";", "label_descriptions": "about"},
        {"label_separator": ";", "id": "title"},
    ]
    assert len({load(path, **options).digest for options in wanted}) == len(wanted)
    reading = DataSettings(source="x").read_by
    apart = {"source", "label_file", "validation", "test", "split_seed"}
    assert reading.keys() == DataSettings.model_fields.keys() - apart


def test_documents_are_in_the_order_of_the_patterns(tmp_path: Path) -> None:
    fill(tmp_path, **{"b.csv": "b", "a.csv": "a"})
    corpus = load(tmp_path, files={"train": ["b.csv", "a.csv"]}, label_separator=";")
    assert documents(corpus) == [("train-1-2", "b", ["a"]), ("train-2-2", "a", ["a"])]


def test_signs_of_patterns_in_the_name_of_the_folder(tmp_path: Path) -> None:
    folder = fill(tmp_path / "x[1]*", **{"a.csv": "a", "deep__b.csv": "b"})
    assert texts(folder, files={"train": "*.csv"}) == {"train": ["a"]}
    assert texts(folder, files={"train": "**/*.csv"}) == {"train": ["a", "b"]}
    assert texts(folder, files={"train": f"{folder}/*.csv"}) == {"train": ["a"]}
    assert texts(folder, files={"train": "a.csv", "test": f"{tmp_path}/*/deep/*.csv"}) == {
        "train": ["a"],
        "test": ["b"],
    }


def test_numbered_files_may_start_from_1(tmp_path: Path) -> None:
    fill(tmp_path, **{"train-1-of-2.csv": "t1", "train-2-of-2.csv": "t2"})
    assert texts(tmp_path) == {"train": ["t1", "t2"]}
    (tmp_path / "train-1-of-2.csv").unlink()
    assert "1 of the 2 files of the train split are missing; the first is train-1-of-2\n" in failure(tmp_path)


def test_a_folder_of_other_things_that_is_called_like_a_split(tmp_path: Path) -> None:
    fill(tmp_path, **{"train.csv": "t", "test__notes.txt": "x"})
    assert failure(tmp_path) == (
        f"{tmp_path / 'test'}: has no file that is read; expected .jsonl or .json or .csv or .tsv or .parquet\n"
        "    try: another name for the folder, if it is no split\n"
        '    try: [data.files] train = ["…"], to name the files'
    )
    assert texts(tmp_path, files={"train": "train.csv"}) == {"train": ["t"]}


def test_names_in_capital_letters(tmp_path: Path) -> None:
    fill(tmp_path, **{"TRAIN.CSV": "t", "Val-0-OF-1.Csv": "v"})
    (tmp_path / "test.csv.GZ").write_bytes(gzip.compress(b"text,labels\ne,a\n"))
    assert texts(tmp_path) == {"train": ["t"], "validation": ["v"], "test": ["e"]}
    assert texts(tmp_path / "test.csv.GZ") == {"train": ["e"]}
    fill(tmp_path, **{"train.csv": "u"})
    assert "TRAIN.CSV and train.csv are both the train split; keep one of them" in failure(tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "train.jsonl",
            {"delimiter": ";"},
            "data.delimiter: no file here is CSV, so delimiter means nothing: train.jsonl",
        ),
        ("train.tsv", {"delimiter": ";"}, "data.delimiter: no file here is CSV, so delimiter means nothing: train.tsv"),
        (
            "train.json",
            {"quotes": False},
            "data.quotes: no file here is CSV or TSV, so quotes means nothing: train.json",
        ),
        ("train.parquet", {"quotes": False}, "data.quotes: no file here is CSV or TSV, so quotes means nothing: train"),
    ],
)
def test_keys_about_cells_belong_to_tables_of_text(
    tmp_path: Path, name: str, options: dict[str, object], message: str
) -> None:
    (tmp_path / name).touch()
    assert failure(tmp_path, **options).startswith(message)
    assert failure(tmp_path / name, **options).startswith(message)
    assert failure(tmp_path, files={"train": name}, **options).startswith(message)
    assert failure(tmp_path, **options).endswith("    try: leave it out")


def test_keys_about_cells_mean_the_tables_among_several_forms(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('text;labels\nt"1;[1]\n')
    (tmp_path / "test.jsonl").write_text('{"text": "e", "labels": ["1"]}\n')
    corpus = load(tmp_path, delimiter=";", quotes=False)
    assert [list(split.texts) for split in corpus.splits.values()] == [['t"1'], ["e"]]


def test_a_set_that_is_shared_without_its_training_split(tmp_path: Path) -> None:
    folder = fill(tmp_path, **{"validation.csv": "v", "test.csv": "t"})
    remedy = 'data.files = {train = "validation.csv", test = "test.csv"}'
    assert f"    try: --set '{remedy}', to train on validation" in failure(folder).splitlines()

    assert texts(folder, files={"train": "validation.csv", "test": "test.csv"}) == {"train": ["v"], "test": ["t"]}
    part = load(folder, files={"train": "validation.csv"}, label_separator=";")
    left = f"files in {folder.name} that data.files does not name and that are not used: test.csv"
    assert left in part.notes
