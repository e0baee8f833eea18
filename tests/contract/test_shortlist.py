"""The labels of nearest vectors against plain loops, and those that faiss finds against all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.compose import label_index
from labelloom.compose.label_index import LabelIndex, _best_once, _filled
from labelloom.compose.shortlist import nearest
from labelloom.errors import RunError


def dense(views: Tensor, vectors: Tensor, count: int) -> list[list[int]]:
    """The labels with the highest products, by loops and sorting."""
    found = []
    for document in views.tolist():
        best = [
            max(sum(a * b for a, b in zip(view, label, strict=True)) for view in document) for label in vectors.tolist()
        ]
        found.append(sorted(range(len(best)), key=lambda label, best=best: (-best[label], label))[:count])
    return found


whole = st.integers(-3, 3).map(float)
"""Products of whole numbers are exact, and many are equal."""


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_the_nearest_labels_are_those_of_a_plain_loop(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*(st.integers(1, most) for most in (3, 3, 12, 4))))
    rows, aspects, label_count, width = shape
    numbers = [
        data.draw(st.lists(whole, min_size=size, max_size=size))
        for size in (rows * aspects * width, label_count * width)
    ]
    views, vectors = torch.tensor(numbers[0]).view(rows, aspects, width), torch.tensor(numbers[1]).view(-1, width)
    count = data.draw(st.integers(1, label_count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelloom.compose.shortlist._LABELS", data.draw(st.integers(1, 12)))
        assert nearest(views, lambda ids: vectors[ids], label_count, count).tolist() == dense(views, vectors, count)


def test_a_document_or_a_label_without_a_number_is_not_hidden() -> None:
    """It comes first, so that the model scores it and its NaN is refused where scores are."""
    vectors = torch.tensor([[1.0], [2.0], [float("nan")], [3.0]])
    views = torch.tensor([[[1.0]], [[float("nan")]]])
    assert nearest(views, lambda ids: vectors[ids], 4, 2).tolist() == [[2, 3], [0, 1]]


def clustered(label_count: int, width: int = 16) -> tuple[Tensor, Tensor]:
    """Label vectors around 60 centres, and 40 documents of two views each near some label."""
    draw = torch.Generator().manual_seed(1)
    centres = torch.randn(60, width, generator=draw)
    vectors = centres[torch.arange(label_count) % 60] + 0.4 * torch.randn(label_count, width, generator=draw)
    near = torch.randint(label_count, (40, 2), generator=draw)
    return vectors, vectors[near] + 0.3 * torch.randn(40, 2, width, generator=draw)


def held(found: Tensor, expected: Tensor) -> float:
    pairs = zip(found.tolist(), expected.tolist(), strict=True)
    return float(np.mean([len(set(one) & set(other)) / len(other) for one, other in pairs]))


def test_faiss_finds_the_same_where_it_looks_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cluster has its labels under their own ids, and what counts is the product of the best view."""
    monkeypatch.setattr(label_index, "_SHARE", 1)
    monkeypatch.setattr(label_index, "_LABELS", 700)
    vectors, views = clustered(2000)
    index = LabelIndex(vectors.__getitem__, 2000, views.device)
    exact = nearest(views, vectors.__getitem__, 2000, 30)
    assert torch.equal(index.nearest(views, 30), exact)
    long = 3 * vectors  # the product follows length, which a distance does not
    index = LabelIndex(torch.cat([vectors[:1000], long[1000:]]).__getitem__, 2000, views.device)
    exact = nearest(views, torch.cat([vectors[:1000], long[1000:]]).__getitem__, 2000, 30)
    assert torch.equal(index.nearest(views, 30), exact)


def test_faiss_finds_most_where_it_looks_into_a_few_clusters() -> None:
    vectors, views = clustered(4000)
    index = LabelIndex(vectors.__getitem__, 4000, views.device)
    found, exact = index.nearest(views, 30), nearest(views, vectors.__getitem__, 4000, 30)
    assert index._index.nprobe == 8  # of 63: an eighth
    assert held(found, exact) > 0.95
    assert held(nearest(-views, vectors.__getitem__, 4000, 30), exact) < 0.1  # what a wrong index would find


def test_few_labels_are_one_cluster() -> None:
    vectors, views = clustered(20)
    index = LabelIndex(vectors.__getitem__, 20, views.device)
    assert torch.equal(index.nearest(views, 20).sort(1).values, torch.arange(20).expand(40, -1))


def test_each_label_counts_once_and_missing_ones_are_made_up_for() -> None:
    labels = np.array([[4, 2, -1, 4, 7, -1], [1, -1, -1, 1, -1, -1]])
    scores = np.array([[1.0, 5.0, -9.0, 6.0, 3.0, -9.0], [2.0, -9.0, -9.0, 1.0, -9.0, -9.0]])
    found = _best_once(scores, labels, 4)
    assert found.tolist() == [[4, 2, 7, -1], [1, -1, -1, -1]]
    assert _filled(found).tolist() == [[4, 2, 7, 0], [1, 0, 2, 3]]


def test_vectors_that_are_not_finite_make_no_clusters() -> None:
    vectors = torch.ones(5, 2)
    vectors[3] = float("nan")
    with pytest.raises(RunError) as told:
        LabelIndex(vectors.__getitem__, 5, vectors.device)
    assert str(told.value) == (
        "the model has vectors of labels that are not finite\n"
        "    try: train it anew with a lower training.learning_rate"
    )


def test_faiss_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(label_index, "import_module", missing)
    with pytest.raises(RunError) as told:
        label_index.faiss()
    assert str(told.value) == (
        "a shortlist by faiss needs the package faiss-cpu, which is not installed\n"
        '    try: pip install "labelloom[faiss]"\n'
        "    try: the index torch, which needs nothing more"
    )
