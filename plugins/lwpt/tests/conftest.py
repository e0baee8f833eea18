"""What the tests share: small contexts, batches and corpora, and the bundle as if it were installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labelloom import testing
from labelloom.bundles import Catalogue
from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Batch, Context, States

ROOT = Path(__file__).parents[2]


@pytest.fixture
def labels() -> LabelSpace:
    """Five labels."""
    return LabelSpace(tuple("abcde"), ("graphs", "words of text", "neural network", "a", "network of words"))


@pytest.fixture
def make_context(labels: LabelSpace) -> Callable[..., Context]:
    def make(assets: Mapping[str, Any] | None = None, parts: Mapping[str, Any] | None = None, **widths: int) -> Context:
        return Context("model.part", widths, labels, assets or {}, parts or {})

    return make


@pytest.fixture
def make_batch(labels: LabelSpace) -> Callable[..., Batch]:
    """A batch of `count` rows with every label under consideration, or those of `ids`."""

    def make(count: int, inputs: Mapping[str, Any] | None = None, ids: Any = None, **fields: Any) -> Batch:
        return testing.every_row(count, len(labels), inputs, ids, **fields)

    return make


@pytest.fixture
def read(labels: LabelSpace) -> Callable[..., States]:
    """What an encoder makes of texts, in one batch."""

    def encode(encoder: Any, texts: Sequence[str], **fields: Any) -> States:
        return testing.read_texts(encoder, texts, len(labels), **fields)

    return encode


@pytest.fixture
def make_corpus(labels: LabelSpace) -> Callable[..., Corpus]:
    """A corpus of a training and a validation split with these texts; `carried` are the training texts' labels."""

    def split(name: str, texts: Sequence[str], carried: Sequence[Sequence[int]] | None = None) -> Split:
        ids = Texts.from_list([str(place) for place in range(len(texts))])
        sets = LabelSets.from_lists([[0]] * len(texts) if carried is None else carried, len(labels))
        return Split(name, ids, Texts.from_list(texts), sets, name)

    def make(
        train: Sequence[str], validation: Sequence[str] = ("unseen",), carried: Sequence[Sequence[int]] | None = None
    ) -> Corpus:
        splits = {"train": split("train", train, carried), "validation": split("validation", validation)}
        return Corpus("made", labels, splits)

    return make


@pytest.fixture
def agree() -> Callable[..., None]:
    """Two ways to compute the same tensors give the same values and the same gradients of `leaves`."""
    return testing.agree


@pytest.fixture
def naive_network() -> Callable[[Any, Sequence[Tensor]], list[Tensor]]:
    """What a `NormalisedRecurrent` makes of the vectors of one sequence, from the equations, step by step."""
    return run_network


@pytest.fixture
def naive_attention() -> Callable[[Tensor, Sequence[Tensor]], Tensor]:
    """One query's softmax over vectors, and their sum under it; zeros without any vector."""

    def attend(query: Tensor, vectors: Sequence[Tensor]) -> Tensor:
        exponents = [torch.exp(query @ vector) for vector in vectors]
        found = torch.zeros_like(query)
        for exponent, vector in zip(exponents, vectors, strict=True):
            found = found + exponent / sum(exponents) * vector
        return found

    return attend


def run_network(network: Any, vectors: Sequence[Tensor]) -> list[Tensor]:
    states = [normalised(network.norm, vector) for vector in vectors]
    for ahead, back in zip(network.recurrent.forwards, network.recurrent.backwards, strict=True):
        one_way, other_way = run_cell(ahead, states), run_cell(back, states[::-1])[::-1]
        states = [torch.cat(pair) for pair in zip(one_way, other_way, strict=True)]
    return states


def normalised(norm: nn.Module, vector: Tensor) -> Tensor:
    if isinstance(norm, nn.Identity):
        return vector
    centred = vector - vector.mean()
    return centred / torch.sqrt((centred**2).mean() + 1e-5) * norm.weight + norm.bias


def run_cell(layer: Any, vectors: Sequence[Tensor]) -> list[Tensor]:
    """The states of an LSTM (Hochreiter and Schmidhuber 1997) or a GRU (Cho et al. 2014) after each vector."""
    state = cell = vectors[0].new_zeros(layer.hidden_size) if vectors else None
    states = []
    for vector in vectors:
        read = layer.weight_ih_l0 @ vector + layer.bias_ih_l0
        kept = layer.weight_hh_l0 @ state + layer.bias_hh_l0
        if isinstance(layer, nn.LSTM):
            enter, forget, candidate, leave = (read + kept).chunk(4)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
            state = torch.sigmoid(leave) * torch.tanh(cell)
        else:
            (reset, update, new), (old_reset, old_update, old) = read.chunk(3), kept.chunk(3)
            candidate = torch.tanh(new + torch.sigmoid(reset + old_reset) * old)
            share = torch.sigmoid(update + old_update)
            state = (1 - share) * candidate + share * state
        states.append(state)
    return states


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The catalogue of a path on which this bundle and `standard` alone are installed, from their pyprojects."""
    return testing.installed(tmp_path / "site", ROOT / "lwpt", ROOT / "standard")
