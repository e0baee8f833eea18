"""Label groups against loops over documents, labels, aspects and neighbours in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Batch, Context, States
from labelloom_maacf.config import LabelGroupsConfig
from labelloom_maacf.label_groups import LabelGroups

NEIGHBOURS = np.array([[1, 2, 5], [0, 3, -1], [4, -1, -1], [-1, -1, -1], [2, 0, 1], [5, 4, 3]])
"""Three neighbours, two, one, none; the last label is its own, which makes no difference to the part."""
WAYS = list(itertools.product(["cross", "self"], ["per-aspect", "shared"], [1, 3], [0, 1, 3]))
CHOICES = {"every": None, "shared": [[4, 1, 3]], "own": [[0, 3], [5, 2], [2, 2], [1, 4]]}
D = 4


@pytest.fixture
def make_part(make_context: Callable[..., Context]) -> Callable[..., LabelGroups]:
    def make(n: int = 3, k: int = 3, table: int = D, **options: Any) -> LabelGroups:
        torch.manual_seed(2)
        assets = {"neighbours": NEIGHBOURS[:, :k]} if k else {}
        context = make_context(assets, aspects=(n, D), label_table=table)
        return LabelGroups(LabelGroupsConfig(k=k, **options), context).double()

    return make


@pytest.fixture
def make_states() -> Callable[..., tuple[States, Tensor]]:
    """States of four documents with `n` aspects, and the label table's vectors."""

    def make(n: int = 3, table: int = D) -> tuple[States, Tensor]:
        torch.manual_seed(1)
        vectors = torch.randn(6, table, dtype=torch.float64, requires_grad=True)
        aspects = torch.randn(4, n, D, dtype=torch.float64, requires_grad=True)
        return States(aspects=aspects, label_table=lambda ids: vectors[ids]), vectors

    return make


def naive(part: LabelGroups, states: States, vectors: Tensor, batch: Batch) -> Tensor:
    """Equations 4 to 8, one number after the other."""
    assert states.aspects is not None
    embedding = part.project(vectors)
    ids = batch.label_ids.expand(4, -1)
    documents = []
    for s, labels in zip(states.aspects, ids.tolist(), strict=True):
        found = []
        for label in labels:
            group = [embedding[other] for other in NEIGHBOURS[label][: part.config.k] if other >= 0]
            whole = torch.zeros(D, dtype=torch.float64)
            if group:
                h = []
                for n in range(len(s)):
                    query = s[n] if part.query is None else part.query.weight[n]
                    powers = [torch.exp(vector @ query) for vector in group]
                    h.append(sum(power / sum(powers) * vector for power, vector in zip(powers, group, strict=True)))
                if len(s) == 1:
                    beta = [1.0]
                else:
                    assert part.judge is not None
                    shared = part.config.weights == "shared"
                    logits = [h[n] @ part.judge.weight[0 if shared else n] for n in range(len(s))]
                    if not shared:
                        logits = [logit + part.judge.bias[n] for n, logit in enumerate(logits)]
                    beta = [torch.exp(logit) / sum(map(torch.exp, logits)) for logit in logits]
                whole = sum(weight * vector for weight, vector in zip(beta, h, strict=True))
            both = torch.cat([embedding[label], whole]) if part.config.k else embedding[label]
            found.append(part.fuse.weight @ both + part.fuse.bias)
        documents.append(torch.stack(found))
    return torch.stack(documents)


@pytest.mark.parametrize("ids", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize(("attention", "weights", "n", "k"), WAYS)
def test_against_a_loop(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    attention: str,
    weights: str,
    n: int,
    k: int,
    ids: Any,
) -> None:
    part = make_part(n, k, attention=attention, weights=weights)
    states, vectors = make_states(n)
    batch = make_batch(4, ids=ids)
    labels = part(states, batch).labels
    assert labels.shape == (4, batch.label_ids.shape[1], D)
    agree(labels, naive(part, states, vectors, batch), [states.aspects, vectors, *part.parameters()])


@pytest.mark.parametrize("attention", ["cross", "self"])
def test_a_table_of_another_width_is_projected(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    attention: str,
) -> None:
    part = make_part(table=7, attention=attention)
    states, vectors = make_states(table=7)
    for ids in CHOICES.values():
        batch = make_batch(4, ids=ids)
        leaves = [states.aspects, vectors, *part.parameters()]
        agree(part(states, batch).labels, naive(part, states, vectors, batch), leaves)


def test_a_label_without_neighbours_is_that_label_alone(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
) -> None:
    part = make_part()
    states, vectors = make_states()
    labels = part(states, make_batch(4)).labels
    alone = part.fuse.weight[:, :D] @ vectors[3] + part.fuse.bias
    torch.testing.assert_close(labels[:, 3], alone.expand(4, -1))
    (gradient,) = torch.autograd.grad(labels[:, 3].sum(), states.aspects)
    assert (gradient == 0).all()


@pytest.mark.parametrize("attention", ["cross", "self"])
def test_only_labels_under_consideration_and_their_neighbours_are_looked_up(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
    attention: str,
) -> None:
    part = make_part(attention=attention)
    states, vectors = make_states()
    labels = part(states, make_batch(4, ids=CHOICES["own"])).labels
    for row, ids in enumerate(CHOICES["own"] or []):
        (gradient,) = torch.autograd.grad(labels[row].sum(), vectors, retain_graph=True)
        used = {*ids, *(int(other) for label in ids for other in NEIGHBOURS[label] if other >= 0)}
        assert set(gradient.abs().sum(1).nonzero()[:, 0].tolist()) == used
    asked: set[int] = set()

    def table(ids: Tensor) -> Tensor:
        asked.update(ids.flatten().tolist())
        return vectors[ids]

    part(states.add(label_table=table), make_batch(4, ids=[[2, 3]]))
    assert asked == {2, 3, 4}


def test_nothing_of_the_document_is_asked_by_trained_vectors(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
) -> None:
    part = make_part(attention="self")
    states, _ = make_states()
    labels = part(states, make_batch(4)).labels
    assert torch.equal(labels, labels[:1].expand_as(labels))
    assert labels.stride(0) == 0  # which tells whoever goes on from them that they are the same


def test_what_follows_from_labels_alone_is_made_once_for_all_batches(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
) -> None:
    part = make_part()
    states, vectors = make_states()
    looked_up = []

    def table(ids: Tensor) -> Tensor:
        looked_up.append(ids)
        return vectors[ids]

    kept: dict[tuple[object, ...], Any] = {}
    batch = make_batch(4, ids=CHOICES["shared"], kept_of_labels=kept)
    first = part(states.add(label_table=table), batch).labels
    again = part(states.add(label_table=table, aspects=-states.aspects), batch).labels
    assert len(looked_up) == 2  # the labels and their neighbours, for the first batch
    torch.testing.assert_close(first, part(states, make_batch(4, ids=CHOICES["shared"])).labels)
    assert not torch.allclose(first, again)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_the_whole_one(
    make_part: Callable[..., LabelGroups],
    make_states: Callable[..., tuple[States, Tensor]],
    make_batch: Callable[..., Batch],
    precision: torch.dtype,
) -> None:
    part = make_part().float()
    states, vectors = make_states()
    states = States(aspects=states.aspects.float(), label_table=lambda ids: vectors.float()[ids])
    whole = part(states, make_batch(4)).labels
    with torch.autocast("cpu", precision):
        half = part(states, make_batch(4)).labels
    torch.testing.assert_close(half.float(), whole, atol=0.05, rtol=0.05)
    (gradient,) = torch.autograd.grad(half.float().sum(), vectors)
    assert gradient.isfinite().all()


def test_groups_come_from_the_training_split() -> None:
    """Label 3 is on every document, so it is nobody's neighbour; label 4 is with it alone."""
    carried = [[0, 1, 3], [0, 1, 3], [0, 2, 3], [2, 3], [2, 3], [3, 4]]

    def split(name: str, sets: list[list[int]]) -> Split:
        texts = Texts.from_list([str(place) for place in range(len(sets))])
        return Split(name, texts, texts, LabelSets.from_lists(sets, 5), name)

    codes = tuple("abcde")
    splits = {"train": split("train", carried), "validation": split("validation", [[0, 4]] * 9)}
    corpus = Corpus("made", LabelSpace(codes, codes), splits)
    groups = LabelGroups.prepare(LabelGroupsConfig(k=2), corpus)["neighbours"]
    # For label 3: 2 log 3 of label 1, 3 log 2 of labels 0 and 2; the lower id comes first.
    assert groups.tolist() == [[1, 2], [0, -1], [0, -1], [1, 0], [-1, -1]]
    assert LabelGroups.prepare(LabelGroupsConfig(k=0), corpus) == {}
