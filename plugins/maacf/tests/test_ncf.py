"""The predictor against a perceptron over concatenated vectors, pair by pair in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from labelloom.components import Component
from labelloom.interfaces import Batch, Context, Mixture, States
from labelloom_maacf import ncf
from labelloom_maacf.config import NCFConfig
from labelloom_maacf.hooks import labelloom_components
from labelloom_maacf.ncf import CollaborativeFiltering

CHOICES = {"every": None, "shared": [[4, 1, 3]], "own": [[0, 3], [5, 2], [2, 2], [1, 4]]}
FIELDS = [
    ("maacf.text", "labels"),
    ("document", "labels"),
    ("labels", "label_table"),
    ("document", "label_table"),
    ("other.text", "other.label"),
]
WIDTHS = {"document": 3, "maacf.text": 3, "other.text": 3, "labels": 4, "label_table": 4, "other.label": 4}
"""Of a bundle's own fields here, "other.text" is one vector a document and the others one a label."""


@pytest.fixture
def make_part(make_context: Callable[..., Context]) -> Callable[..., CollaborativeFiltering]:
    def make(text: str = "maacf.text", label: str = "labels", **options: Any) -> CollaborativeFiltering:
        torch.manual_seed(2)
        widths = {name.replace(".", "__"): WIDTHS[name] for name in (text, label)}
        config = NCFConfig(text=text, label=label, **options)
        return CollaborativeFiltering(config, make_context(**widths)).double().eval()

    return make


def states_of(batch: Batch) -> tuple[States, Tensor, list[Tensor]]:
    """Every field, the label table's vectors, and all leaves."""
    torch.manual_seed(1)
    count = batch.label_ids.shape[1]

    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    vectors, document, labels = leaf(6, 4), leaf(4, 3), leaf(4, count, 4)
    own = {"maacf.text": leaf(4, count, 3), "other.text": leaf(4, 3), "other.label": leaf(4, count, 4)}
    states = States(document=document, labels=labels, label_table=lambda ids: vectors[ids], extra=own)
    return states, vectors, [vectors, document, labels, *own.values()]


def naive(part: CollaborativeFiltering, states: States, vectors: Tensor, batch: Batch) -> Tensor:
    """Equation 9: [S ; H] through one layer after the other."""
    rows = []
    for row, ids in enumerate(batch.label_ids.expand(4, -1).tolist()):
        found = []
        for place, label in enumerate(ids):
            text = states.get(part.config.text)[row]
            text = text[place] if text.dim() == 2 else text
            vector = vectors[label] if part.config.label == "label_table" else states.get(part.config.label)[row, place]
            values = torch.cat([text, vector])
            for layer in (part.first, *part.rest):
                values = layer.weight @ (values if layer is part.first else values.clamp(min=0)) + layer.bias
            assert values.shape == (1,)
            found.append(values[0])
        rows.append(torch.stack(found))
    return torch.stack(rows)


@pytest.mark.parametrize("ids", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("text", "label"), FIELDS)
def test_against_a_perceptron_over_concatenated_vectors(
    make_part: Callable[..., CollaborativeFiltering],
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    text: str,
    label: str,
    layers: int,
    ids: Any,
) -> None:
    part = make_part(text, label, layers=layers)
    batch = make_batch(4, ids=ids)
    states, vectors, leaves = states_of(batch)
    scores = part(states, batch).scores
    assert scores.shape == (4, batch.label_ids.shape[1])
    agree(scores, naive(part, states, vectors, batch), [*leaves, *part.parameters()])


def mixed(states: States, own: bool) -> tuple[States, list[Tensor]]:
    """The same with mixtures of two vectors a document, and of two a label or each document's `own`; the new leaves."""
    count = states.first("labels").shape[1]

    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    leaves = [leaf(4, 2, count), leaf(4, 2, 1, 3), leaf(4, 2, count), leaf(4 if own else 1, 2, count, 4)]
    leaves.append(leaf(*leaves[3].shape[:1], *leaves[3].shape[2:]))
    text = Mixture(leaves[0], leaves[1], side="document")
    label = Mixture(leaves[2], leaves[3], side="label", base=leaves[4])
    return states.add({"maacf.text": text, "other.label": label}, labels=label), leaves


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    ("text", "label"),
    [("maacf.text", "labels"), ("maacf.text", "label_table"), ("document", "labels"), ("other.text", "other.label")],
)
def test_mixtures_against_a_perceptron_over_concatenated_vectors(
    make_part: Callable[..., CollaborativeFiltering],
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    text: str,
    label: str,
    own: bool,
    layers: int,
) -> None:
    part = make_part(text, label, layers=layers)
    batch = make_batch(4, ids=CHOICES["own"] if own else None)
    states, vectors, leaves = states_of(batch)
    states, more = mixed(states, own)
    scores = part(states, batch).scores
    # What a mixture has made it keeps, and a graph is gone through once.
    again = states.add(
        {name: replace(states.mixture(name)) for name in ("maacf.text", "other.label")},
        labels=replace(states.mixture("labels")),
    )
    agree(scores, naive(part, again, vectors, batch), [*leaves, *more, *part.parameters()])


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("labels_at_once", [1, 2, 4, 6, 100])
@pytest.mark.parametrize(("text", "label"), [*FIELDS, ("mixed", "mixed")])
def test_scores_are_the_same_however_many_are_made_at_once(
    make_part: Callable[..., CollaborativeFiltering],
    make_batch: Callable[..., Batch],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    label: str,
    labels_at_once: int,
    layers: int,
) -> None:
    part = make_part(layers=layers) if text == "mixed" else make_part(text, label, layers=layers)
    batch = make_batch(4)
    states, _, _ = states_of(batch)
    if text == "mixed":
        states, _ = mixed(states, own=False)
    expected = part(states, batch).scores
    monkeypatch.setattr(ncf, "_AT_ONCE", 4 * labels_at_once * part.first.out_features)
    with torch.no_grad():
        torch.testing.assert_close(part(states, batch).scores, expected)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_half_precision_rounds_and_no_more(
    make_part: Callable[..., CollaborativeFiltering],
    make_batch: Callable[..., Batch],
    monkeypatch: pytest.MonkeyPatch,
    layers: int,
) -> None:
    """Weights that come from a softmax stay in fp32 under autocast, and the vectors that a layer made do not."""
    part = make_part(layers=layers).float()
    batch = make_batch(4)
    states, _ = mixed(states_of(batch)[0], own=False)
    text, label = states.mixture("maacf.text"), states.mixture("labels")
    assert text is not None
    assert label is not None
    assert label.base is not None
    halves = States(labels=Mixture(label.weights.float(), label.vectors.float(), "label", label.base.float())).add(
        {"maacf.text": Mixture(text.weights.float(), text.vectors.float(), "document")}
    )

    def gradient(scores: Tensor) -> Tensor:
        return torch.autograd.grad(scores.float().square().sum(), part.first.weight)[0]

    exact = part(halves, batch).scores
    expected = gradient(exact)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = part(halves, batch).scores
        assert (gradient(rounded) - expected).norm() < 0.05 * expected.norm()  # a few cross the bend of the ReLU
        torch.testing.assert_close(rounded.float(), exact, rtol=0.03, atol=0.05)
        monkeypatch.setattr(ncf, "_AT_ONCE", 4 * 2 * part.first.out_features)
        with torch.no_grad():
            torch.testing.assert_close(part(halves, batch).scores, rounded)


@pytest.mark.parametrize(("options", "widths"), [({}, [256, 1]), ({"layers": 1}, [1]), ({"layers": 3}, [256, 128, 1])])
def test_widths_of_layers(
    make_part: Callable[..., CollaborativeFiltering], options: dict[str, Any], widths: list[int]
) -> None:
    part = make_part(**options)
    assert [part.first.out_features, *(layer.out_features for layer in part.rest)] == widths
    assert [layer.out_features for layer in make_part(layers=3, hidden=7).rest] == [4, 1]


def test_dropout_is_on_what_is_between_layers_alone(
    make_part: Callable[..., CollaborativeFiltering], make_batch: Callable[..., Batch]
) -> None:
    batch = make_batch(4)
    states, _, _ = states_of(batch)
    for options, alike in (({"layers": 1}, True), ({"dropout": 0.0}, True), ({}, False), ({"dropout": 0.5}, False)):
        part = make_part(**options)
        still = part(states, batch).scores
        assert torch.equal(part.train()(states, batch).scores, still) == alike
    assert make_part().dropout.p == 0.1


def test_what_is_the_same_for_all_labels_or_documents_goes_through_the_first_layer_once(
    make_part: Callable[..., CollaborativeFiltering], make_batch: Callable[..., Batch]
) -> None:
    batch = make_batch(4)
    states, vectors, _ = states_of(batch)
    of_document, of_labels = make_part("document", "label_table"), make_part()
    assert of_document.text_side(states, batch).shape == (4, 1, 256)
    assert of_document.label_side(states, batch).shape == (1, 6, 256)
    assert of_labels.text_side(states, batch).shape == of_labels.label_side(states, batch).shape == (4, 6, 256)
    # As MCF+ gives them: repeated without a copy.
    text = torch.randn(4, 1, 3, dtype=torch.float64)
    repeated = states.add({"maacf.text": text.expand(-1, 6, -1)}, labels=vectors[None].expand(4, -1, -1))
    assert of_labels.text_side(repeated, batch).shape == (4, 1, 256)
    assert of_labels.label_side(repeated, batch).shape == (1, 6, 256)
    copied = repeated.add({"maacf.text": text.repeat(1, 6, 1)}, labels=vectors.repeat(4, 1, 1))
    torch.testing.assert_close(of_labels(repeated, batch).scores, of_labels(copied, batch).scores)


def test_in_chunks_of_labels_each_side_is_made_once(
    make_part: Callable[..., CollaborativeFiltering], make_batch: Callable[..., Batch]
) -> None:
    whole = make_batch(4)
    states, vectors, _ = states_of(whole)
    looked_up: list[list[int]] = []

    def table(ids: Tensor) -> Tensor:
        looked_up.append(ids.flatten().tolist())
        return vectors[ids]

    part = make_part("document", "label_table")
    kept: list[dict[tuple[object, ...], Any]] = [{}, {}]
    batches = [states.add(label_table=table), states.add(label_table=table, document=-states.document)]
    expected = [part(one, whole).scores for one in batches]
    looked_up.clear()
    found: list[list[Tensor]] = [[], []]
    for ids in ([0, 1, 2], [3, 4], [5]):
        of_labels: dict[tuple[object, ...], Any] = {}
        for place, one in enumerate(batches):
            chunk = make_batch(4, ids=[ids], kept=kept[place], kept_of_labels=of_labels)
            found[place].append(part(one, chunk).scores)
    assert looked_up == [[0, 1, 2], [3, 4], [5]]
    assert [len(one) for one in kept] == [1, 1]
    for scores, dense in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.cat(scores, 1), dense)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"text": "tokens"}, "expected labels, document or a bundle's own field, bundle.name, not 'tokens'"),
        ({"label": "document"}, "expected labels, label_table or a bundle's own field, bundle.name, not 'document'"),
        (
            {"layers": 1, "hidden": 8},
            'layers = 1 has nothing between its layers: remove hidden, or say hidden = "none" where the spec extends '
            "another",
        ),
        (
            {"layers": 1, "hidden": 8, "dropout": 0.1},
            'remove hidden and dropout, or say hidden = "none" and dropout = "none" where the spec extends another',
        ),
        ({"layers": 4}, "less than or equal to 3"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        NCFConfig(**options)
    assert told in str(error.value)


def test_it_needs_the_fields_that_it_is_told() -> None:
    record: Component = next(one for one in labelloom_components() if one.name == "maacf/ncf")
    assert NCFConfig().signature(record, {}).needs == record.needs
    assert NCFConfig(text="document", label="label_table").signature(record, {}).needs == {"document", "label_table"}
