"""The predictor over label vectors against loops over documents and labels in float64."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from labelloom.components import Component
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, States
from labelloom_lwpt.config import LabelWiseMLPConfig
from labelloom_lwpt.hooks import labelloom_components
from labelloom_lwpt.label_wise_mlp import LabelWiseMLP

LABELS, WIDTH = 4, 3
OWN = [[0, 3, 1], [2, 2, 1]]


def make(count: int = LABELS, width: int = WIDTH, **options: Any) -> LabelWiseMLP:
    codes = tuple(f"label {place}" for place in range(count))
    context = Context("model.predictor", {"labels": width}, LabelSpace(codes, codes))
    torch.manual_seed(3)
    return LabelWiseMLP(LabelWiseMLPConfig(**options), context)


def batch_of(count: int, ids: Any = None) -> Batch:
    label_ids = torch.arange(LABELS)[None] if ids is None else torch.tensor(ids)
    return Batch(
        inputs={},
        rows=torch.arange(count),
        copies=torch.zeros(count, dtype=torch.int64),
        label_ids=label_ids,
        label_mask=torch.ones_like(label_ids, dtype=torch.bool),
        label_count=LABELS,
        is_anchor=torch.ones(count, dtype=torch.bool),
        every_label=ids is None,
    )


def vectors(rows: int, labels: int = LABELS) -> Tensor:
    torch.manual_seed(8)
    return torch.randn(rows, labels, WIDTH, dtype=torch.float64, requires_grad=True)


def layer(module: Any, values: list[Tensor]) -> list[Tensor]:
    """W x + b, one product after the other."""
    rows = range(len(module.bias))
    products = [[module.weight[row, place] * value for place, value in enumerate(values)] for row in rows]
    return [module.bias[row] + sum(products[row]) for row in rows]


def naive(part: LabelWiseMLP, labels: Tensor, asked: list[list[int]]) -> Tensor:
    """(B, C): equation 16 in each of its forms, then y G, one number after the other."""
    documents = []
    for own, ids in zip(labels, asked, strict=True):
        flat = [number for vector in own for number in vector]
        layers: Any = part.layers
        if part.config.form == "mlp":
            scores = layer(layers[2], [value.clamp(min=0) for value in layer(layers[0], flat)])
        elif part.config.form == "linear":
            scores = layer(layers, flat)
        else:
            scores = []
            for label, vector in zip(ids, own, strict=True):
                products = [layers.weight[label, place] * number for place, number in enumerate(vector)]
                scores.append(layers.bias[label] + sum(products))
        if part.graph is not None:
            scores = [sum(score * part.graph[i, j] for i, score in enumerate(scores)) for j in range(len(scores))]
        documents.append(torch.stack(scores))
    return torch.stack(documents)


def agree(part: LabelWiseMLP, labels: Tensor, batch: Batch) -> None:
    """Scores and all gradients are the loop's."""
    fast = part(States(labels=labels), batch).scores
    slow = naive(part, labels, batch.label_ids.expand(len(labels), -1).tolist())
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-11)
    leaves = [labels, *part.parameters()]
    cotangent = torch.randn(slow.shape, dtype=torch.float64)
    one, other = (torch.autograd.grad(made, leaves, cotangent) for made in (fast, slow))
    torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("label_graph", [False, True])
@pytest.mark.parametrize("options", [{"form": "mlp", "hidden": 5}, {"form": "linear"}, {"form": "diagonal"}])
def test_against_a_loop(options: dict[str, Any], label_graph: bool) -> None:
    part = make(**options, label_graph=label_graph).double()
    if part.graph is not None:
        with torch.no_grad():
            part.graph.normal_()
    agree(part, vectors(2), batch_of(2))


@pytest.mark.parametrize("ids", [[[3, 1, 1]], OWN, [[3, 2, 1, 0]]])
def test_each_label_alone_scores_any_labels(ids: list[list[int]]) -> None:
    part = make(form="diagonal").double()
    agree(part, vectors(2, len(ids[0])), batch_of(2, ids))
    every = vectors(2)
    batch = batch_of(2, ids)
    chosen = part(States(labels=batch.pick(every)), batch).scores
    torch.testing.assert_close(chosen, batch.pick(part(States(labels=every), batch_of(2)).scores))


def test_a_new_label_graph_changes_no_score() -> None:
    labels = vectors(2)
    for form in ("mlp", "linear", "diagonal"):
        plain, graph = make(form=form).double(), make(form=form, label_graph=True).double()
        torch.testing.assert_close(
            graph(States(labels=labels), batch_of(2)).scores,
            plain(States(labels=labels), batch_of(2)).scores,
            rtol=0,
            atol=0,
        )
        assert isinstance(graph.graph, torch.nn.Parameter)


def test_the_mlp_is_1024_wide_unless_told() -> None:
    assert [tuple(weight.shape) for weight in make().parameters()] == [(1024, 12), (1024,), (4, 1024), (4,)]
    assert [tuple(weight.shape) for weight in make(hidden=7).parameters()] == [(7, 12), (7,), (4, 7), (4,)]


def test_it_starts_with_scores_as_spread_as_its_input_whatever_the_number_of_labels() -> None:
    """What a layer sums is divided by how much it sums, so the first losses stay small."""
    for count in (4, 400):
        labels = torch.randn(64, count, WIDTH)
        for form in ("mlp", "linear", "diagonal"):
            scores = make(count, form=form)(States(labels=labels), batch_of(64)).scores
            assert 0.02 < scores.std() < 1


@pytest.mark.parametrize("form", ["linear", "diagonal"])
def test_a_width_between_layers_that_are_not_there_is_refused(form: str) -> None:
    with pytest.raises(ValidationError) as told:
        LabelWiseMLPConfig(form=form, hidden=8)
    assert f'form = "{form}" has one layer and no width between two: remove hidden, or say' in str(told.value)
    assert LabelWiseMLPConfig.model_validate({"form": form, "hidden": "none"}).hidden is None


@pytest.mark.parametrize("form", ["mlp", "linear", "diagonal"])
@pytest.mark.parametrize("label_graph", [False, True])
def test_it_needs_every_label_unless_each_is_scored_alone(form: str, label_graph: bool) -> None:
    record = next(record for record in labelloom_components() if record.name == "lwpt/label-wise-mlp")
    assert isinstance(record, Component)
    signature = LabelWiseMLPConfig(form=form, label_graph=label_graph).signature(record, {})
    assert signature.labels == ("any" if form == "diagonal" and not label_graph else "all")
    assert (signature.needs, signature.gives) == ({"labels"}, {"scores"})


# Sizes; on the device "meta" weights take no memory.


def refused(count: int, width: int, **options: Any) -> str:
    with torch.device("meta"), pytest.raises(ValueError, match="G weights") as told:
        make(count, width, **options)
    return str(told.value)


def test_more_weights_than_can_be_trained_are_refused() -> None:
    assert refused(1987, 1024, hidden=2560) == (
        "(1,987 labels x 1,024 numbers + 1,987 scores) x 2,560 hidden = 5.2 G weights, and 1 G is the most: set "
        'hidden = 490 or less, or form = "diagonal"'
    )
    assert refused(1987, 1024, form="linear") == (
        "1,987 labels x 1,024 numbers x 1,987 scores = 4.0 G weights, and 1 G is the most: set "
        'form = "mlp" and hidden = 490 or less, or form = "diagonal"'
    )
    assert refused(40_000, 8, form="diagonal", label_graph=True) == (
        "40,000 labels x 8 numbers + 40,000 x 40,000 in the label graph = 1.6 G weights, and 1 G is the most: set "
        "label_graph = false"
    )
    assert refused(300_000, 4096, form="diagonal") == (
        "300,000 labels x 4,096 numbers = 1.2 G weights, and 1 G is the most: use "
        '"standard/label-linear", whose weights labels share'
    )
    with torch.device("meta"):
        make(1987, 1024, form="diagonal")
        make(54, 1024, hidden=2560)  # AAPD in the paper: 141.7 M


@settings(deadline=None)
@given(
    count=st.integers(1, 3000),
    width=st.integers(1, 2000),
    label_graph=st.booleans(),
    told=st.sampled_from([{"form": "mlp"}, {"form": "mlp", "hidden": 2560}, {"form": "linear"}, {"form": "diagonal"}]),
)
def test_weights_are_counted_and_what_is_suggested_works(
    count: int, width: int, label_graph: bool, told: dict[str, Any]
) -> None:
    options = {**told, "label_graph": label_graph}
    with torch.device("meta"):
        try:
            part = make(count, width, **options)
        except ValueError as error:
            message = str(error)
            if found := re.search(r"hidden = (\d+) or less", message):
                largest = {"form": "mlp", "hidden": int(found[1]), "label_graph": label_graph}
                assert _weights(make(count, width, **largest)) <= 10**9
                assert "G weights" in refused(count, width, **{**largest, "hidden": int(found[1]) + 1})
            if 'form = "diagonal"' in message:
                make(count, width, form="diagonal", label_graph=label_graph)
            assert "hidden = " in message or "diagonal" in message
        else:
            assert _weights(part) <= 10**9


def _weights(part: LabelWiseMLP) -> int:
    """Without the biases."""
    return sum(weight.numel() for weight in part.parameters() if weight.dim() == 2)
