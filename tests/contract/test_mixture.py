"""Fields that are sums of few vectors: what they are made to, against loops in float64, and when they are made."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Mixture, States, added

B, A, C, K, H = 3, 2, 5, 4, 6
WAYS = list(itertools.product(["document", "label", "own labels"], [False, True]))


def batch_of(**fields: Any) -> Batch:
    ids, rows = torch.arange(C)[None], torch.arange(B)
    mask = torch.ones_like(ids, dtype=torch.bool)
    return Batch({}, rows, torch.zeros_like(rows), ids, mask, C, torch.ones(B, dtype=torch.bool), True, **fields)


def leaf(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def mixture_of(way: str, based: bool) -> tuple[Mixture, list[Tensor]]:
    """A mixture, and the tensors that it is made of."""
    torch.manual_seed(3)
    documents, labels = {"document": (B, 1), "label": (1, C), "own labels": (B, C)}[way]
    weights, vectors = leaf(B, A, C), leaf(documents, A, labels, K)
    base = leaf(documents, labels, K) if based else None
    side: Any = "document" if way == "document" else "label"
    return Mixture(weights, vectors, side, base), [weights, vectors, *([] if base is None else [base])]


def naive(mixture: Mixture) -> Tensor:
    """One vector after the other."""
    rows = []
    for document in range(B):
        own = document if len(mixture.vectors) > 1 else 0
        found = []
        for label in range(C):
            place = label if mixture.vectors.shape[2] > 1 else 0
            vector = torch.zeros(K, dtype=torch.float64) if mixture.base is None else mixture.base[own, place]
            for a in range(A):
                vector = vector + mixture.weights[document, a, label] * mixture.vectors[own, a, place]
            found.append(vector)
        rows.append(torch.stack(found))
    return torch.stack(rows)


def agree(fast: Tensor, slow: Tensor, leaves: list[Tensor]) -> None:
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-12)
    cotangent = torch.randn(fast.shape, dtype=fast.dtype, generator=torch.Generator().manual_seed(7))
    for one, other in zip(
        torch.autograd.grad(fast, leaves, cotangent), torch.autograd.grad(slow, leaves, cotangent), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("way", "based"), WAYS)
def test_the_sum_against_a_loop(way: str, based: bool) -> None:
    mixture, leaves = mixture_of(way, based)
    agree(mixture.made, naive(mixture), leaves)
    assert mixture.made is mixture.made
    assert mixture.shape == mixture.made.shape
    assert mixture.shared == (way != "own labels")


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("way", "based"), WAYS)
def test_a_layer_may_come_before_the_sum(way: str, based: bool, biased: bool) -> None:
    mixture, leaves = mixture_of(way, based)
    weight, bias = leaf(H, K), leaf(H) if biased else None
    whole = naive(mixture) @ weight.mT + (0 if bias is None else bias)
    before = mixture.through(weight, bias, batch_of(), "part")
    agree(before.made, whole, [*leaves, weight, *([] if bias is None else [bias])])
    some = torch.tensor([4, 1])
    torch.testing.assert_close(before.at(some).made, whole[:, some])


@pytest.mark.parametrize(("way", "based"), WAYS)
def test_some_of_its_labels(way: str, based: bool) -> None:
    mixture, _ = mixture_of(way, based)
    for labels in (torch.tensor([3, 0, 3]), torch.tensor([2]), slice(1, 4)):
        torch.testing.assert_close(mixture.at(labels).made, naive(mixture)[:, labels])


def test_what_a_layer_made_is_kept_with_the_side_that_it_follows_from() -> None:
    kept: dict[tuple[object, ...], Any] = {}
    of_labels: dict[tuple[object, ...], Any] = {}
    batch = batch_of(kept=kept, kept_of_labels=of_labels)
    weight = torch.randn(H, K, dtype=torch.float64)
    for way, here, other in (("document", kept, of_labels), ("label", of_labels, kept)):
        mixture, _ = mixture_of(way, True)
        first = mixture.through(weight, None, batch, way)
        assert (list(here), other.get((way,))) == ([(way,)], None)
        again = Mixture(-mixture.weights, mixture.vectors, mixture.side, mixture.base).through(weight, None, batch, way)
        assert again.vectors is first.vectors
        assert not torch.allclose(again.made, first.made)
        kept.clear()
        of_labels.clear()


def test_sums_of_several_terms() -> None:
    document, leaves = mixture_of("document", True)
    label, more = mixture_of("label", False)
    plain = leaf(B, 1, K)
    agree(added(label, plain, document), naive(label) + plain + naive(document), [*leaves, *more, plain])
    agree(added(plain, leaves[2]), plain + leaves[2], [plain, leaves[2]])
    room = torch.empty(B, C, K, dtype=torch.float64)
    with torch.no_grad():
        assert added(document, label, into=room) is room
    torch.testing.assert_close(room, (naive(label) + naive(document)).detach())


@pytest.mark.parametrize("read", [lambda states: states.labels, lambda states: states.first("label_table", "labels")])
def test_a_field_is_made_when_it_is_read(read: Callable[[States], Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    mixture, _ = mixture_of("label", True)
    made: list[Mixture] = []

    def noted(mixture: Mixture) -> Tensor:
        made.append(mixture)
        return added(mixture)

    monkeypatch.setattr("labelloom.interfaces.mixture.added", noted)
    states = States(document=torch.ones(1)).add({"a.b": mixture}, labels=mixture, scores=torch.ones(2))
    passed_on = states.add(document=torch.zeros(1)).only({"labels", "a.b", "tokens"})
    assert passed_on.mixture("labels") is passed_on.mixture("a.b") is mixture
    assert not made
    assert read(passed_on) is passed_on.get("a.b") is mixture.made
    assert made == [mixture]


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_a_field_that_was_read_without_a_gradient_still_has_one(without: Callable[[], Any]) -> None:
    mixture, leaves = mixture_of("label", True)
    states = States(labels=mixture)
    with without():
        assert not states.get("labels").requires_grad
    agree(states.get("labels"), naive(mixture), leaves)
    made = states.labels
    with without():
        assert states.labels is made


def test_half_precision_is_lost_only_where_all_is_of_it() -> None:
    """A sum has the widest type of its terms, in whatever order they stand, as a plain sum has."""
    mixture, _ = mixture_of("label", False)
    other, _ = mixture_of("document", False)
    half = Mixture(mixture.weights.bfloat16(), mixture.vectors.bfloat16(), "label")
    assert half.made.dtype == torch.bfloat16
    for terms in ((half, other), (other, half), (half, torch.ones(B, 1, K, dtype=torch.float64))):
        whole = [term if isinstance(term, Tensor) else term.made for term in terms]
        found = added(*terms)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, whole[0] + whole[1], rtol=0.03, atol=0.03)


@pytest.mark.parametrize(
    ("weights", "vectors", "side", "base", "told"),
    [
        ((2, 3), (2, 3, 1, 4), "document", None, "the weights of a mixture are (B, A, C), not of the shape (2, 3)"),
        (
            (2, 3, 5),
            (1, 3, 1, 4),
            "document",
            None,
            "a mixture with weights (2, 3, 5) of vectors of side 'document' needs vectors of the shape (2, 3, 1, K), "
            "not (1, 3, 1, 4)",
        ),
        (
            (2, 3, 5),
            (2, 3, 1, 4),
            "label",
            None,
            "a mixture with weights (2, 3, 5) of vectors of side 'label' needs vectors of the shape (1 or 2, 3, 5, K), "
            "not (2, 3, 1, 4)",
        ),
        (
            (2, 5, 3),
            (1, 3, 5, 4),
            "label",
            None,
            "a mixture with weights (2, 5, 3) of vectors of side 'label' needs vectors of the shape (1 or 2, 5, 3, K), "
            "not (1, 3, 5, 4)",
        ),
        (
            (2, 3, 5),
            (1, 3, 5, 4),
            "label",
            (5, 4),
            "a mixture with weights (2, 3, 5) of vectors of side 'label' needs a base of the shape (1 or 2, 5, 4), "
            "not (5, 4)",
        ),
    ],
)
def test_other_shapes_are_refused(
    weights: tuple[int, ...], vectors: tuple[int, ...], side: Any, base: tuple[int, ...] | None, told: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Mixture(torch.ones(weights), torch.ones(vectors), side, None if base is None else torch.ones(base))


def test_a_field_that_is_given_anew_is_no_mixture_any_more() -> None:
    mixture, _ = mixture_of("document", False)
    states = States(labels=mixture).add({"a.b": mixture})
    after = states.add({"a.b": torch.ones(1)}, labels=torch.zeros(1))
    assert (after.mixture("labels"), after.mixture("a.b"), after.mixture("a.c")) == (None, None, None)
    assert after.labels is not None
    assert after.labels.tolist() == [0.0]
    assert States().labels is None


def test_the_tensors_that_are_held() -> None:
    mixture, leaves = mixture_of("label", True)
    tokens, own = torch.ones(1), torch.ones(2)
    states = States(tokens=tokens, label_table=lambda ids: ids).add({"a.b": own}, labels=mixture)
    assert {id(tensor) for tensor in states.tensors()} == {id(tensor) for tensor in (tokens, own, *leaves)}
