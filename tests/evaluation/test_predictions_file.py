from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelloom.data.label_sets import LabelSets
from labelloom.errors import RunError
from labelloom.evaluation import predictions
from labelloom.evaluation.predictions import Predictions
from labelloom.evaluation.ranking import Ranking

from .cases import random_sets, same


def make(documents: int = 7, labels: int = 5, depth: int = 3, with_truth: bool = True) -> Predictions:
    rng = np.random.default_rng(documents)
    return Predictions(
        [f"document {i} \u00e9\U0001f9f5" for i in range(documents)],
        random_sets(rng, documents, labels) if with_truth else None,
        random_sets(rng, documents, labels),
        Ranking.from_dense(rng.normal(size=(documents, labels)), depth),
        tuple(f"l\u00e4bel, {i}" for i in range(labels)),
    )


def assert_equal(first: Predictions, second: Predictions) -> None:
    assert first.ids == second.ids
    assert first.label_codes == second.label_codes
    assert (first.truth is None) == (second.truth is None)
    if first.truth is not None and second.truth is not None:
        assert same(first.truth, second.truth)
    assert same(first.predicted, second.predicted)
    assert first.ranking.label_count == second.ranking.label_count
    assert np.array_equal(first.ranking.labels, second.ranking.labels)
    assert np.array_equal(first.ranking.scores, second.ranking.scores)


@pytest.mark.parametrize("block", [2, 1 << 15])
@pytest.mark.parametrize("with_truth", [True, False])
@pytest.mark.parametrize("documents", [0, 1, 7])
def test_saved_and_loaded_back(tmp_path, monkeypatch, documents, with_truth, block):
    monkeypatch.setattr(predictions, "_DOCUMENTS_AT_ONCE", block)
    saved = make(documents, with_truth=with_truth)
    saved.save(tmp_path / "predictions.parquet")
    assert_equal(Predictions.load(tmp_path / "predictions.parquet"), saved)


def test_a_complete_ranking_with_minus_infinity(tmp_path):
    saved = Predictions(
        ["a"], None, LabelSets.from_lists([[]], 2), Ranking.from_dense(np.array([[-np.inf, 0.1]])), ("x", "y")
    )
    saved.save(tmp_path / "p.parquet")
    assert_equal(Predictions.load(tmp_path / "p.parquet"), saved)


def test_the_columns_are_readable_by_anyone(tmp_path):
    Predictions(
        ["first", "second"],
        LabelSets.from_lists([[0, 2], []], 3),
        LabelSets.from_lists([[2], [1]], 3),
        Ranking.from_dense(np.array([[0.25, 0.0, 0.5], [0.0, 1.0, 0.75]]), 2),
        ("sport", "music", "law"),
    ).save(tmp_path / "predictions.parquet")
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.to_pylist() == [
        {
            "id": "first",
            "labels": ["sport", "law"],
            "predicted": ["law"],
            "top": ["law", "sport"],
            "scores": [0.5, 0.25],
        },
        {"id": "second", "labels": [], "predicted": ["music"], "top": ["music", "law"], "scores": [1.0, 0.75]},
    ]
    strings = pa.list_(pa.string())
    assert [table.schema.field(name).type for name in ("id", "labels", "predicted", "top")] == [
        pa.string(), strings, strings, strings
    ]  # fmt: skip
    assert table.schema.field("scores").type == pa.list_(pa.float32())


def test_an_unknown_truth_is_null(tmp_path):
    make(with_truth=False).save(tmp_path / "predictions.parquet")
    assert pq.read_table(tmp_path / "predictions.parquet").column("labels").null_count == 7


def test_a_crash_while_writing_leaves_the_last_good_file(tmp_path, monkeypatch):
    path, good = tmp_path / "predictions.parquet", make(3)
    good.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.parquet"]
    bad = make(7)
    bad.ids[3] = b"\xff"  # type: ignore[call-overload]  # fails in the second block
    monkeypatch.setattr(predictions, "_DOCUMENTS_AT_ONCE", 2)
    with pytest.raises(pa.ArrowInvalid):
        bad.save(path)
    assert_equal(Predictions.load(path), good)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a"]}, "truth is about 7 documents and 5 labels; there are 1 ids and 5 label codes"),
        ({"predicted": LabelSets.from_lists([[]], 5)}, "predicted is about 1 document and 5 labels; there are 7 ids"),
        (
            {"ranking": Ranking.from_dense(np.zeros((7, 4)))},
            "ranking is about 7 documents and 4 labels; there are 7 ids",
        ),
        ({"label_codes": ("a", "b", "c", "d", "a")}, "label codes must differ from each other"),
    ],
)
def test_parts_that_do_not_fit_together(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Predictions(**(vars(make()) | change))


def test_a_missing_file(tmp_path):
    with pytest.raises(RunError) as caught:
        Predictions.load(tmp_path / "none.parquet")
    assert str(caught.value) == f"{tmp_path / 'none.parquet'}: there is no such file of predictions"


def test_a_file_of_something_else(tmp_path):
    text, foreign = tmp_path / "text.parquet", tmp_path / "foreign.parquet"
    text.write_text("not parquet")
    pq.write_table(pa.table({"id": ["a"]}), foreign)
    for path in (text, foreign):
        with pytest.raises(RunError) as caught:
            Predictions.load(path)
        assert str(caught.value).startswith(f"{path}: this is no file of predictions that labelloom wrote: ")
        assert str(caught.value).endswith("\n    try: write it again with labelloom evaluate")


def test_a_file_whose_labels_are_not_among_its_codes(tmp_path):
    path = tmp_path / "predictions.parquet"
    make().save(path)
    table = pq.read_table(path)
    column = pa.array([["stranger"]] * 7)
    pq.write_table(table.set_column(table.schema.get_field_index("predicted"), "predicted", column), path)
    with pytest.raises(RunError, match='its column "predicted" holds labels that are not among its label codes'):
        Predictions.load(path)
