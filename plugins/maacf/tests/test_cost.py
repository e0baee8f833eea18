"""What the parts compute and keep in memory for many labels, and that no GPU has to wait for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from labelloom.interfaces import Batch, Context, LabelModule, Part, States
from labelloom_maacf import ncf
from labelloom_maacf.co_attention import CoAttention
from labelloom_maacf.config import CoAttentionConfig, LabelGroupsConfig, NCFConfig
from labelloom_maacf.label_groups import LabelGroups
from labelloom_maacf.ncf import CollaborativeFiltering

B, L, N, K, D = 8, 60, 3, 5, 16
NAMES = ["groups", "groups-mcf", "co-attention", "co-attention-mcf", "ncf", "ncf-of-table"]
NEIGHBOURS = np.random.default_rng(0).integers(-1, L, (L, K))


class Largest(TorchDispatchMode):
    """The most numbers that any tensor holds that is made meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for value in made if isinstance(made, list | tuple) else (made,):
            if isinstance(value, Tensor) and not function.is_view:
                self.numbers = max(self.numbers, value.numel())
        return made


def parts(make_context: Callable[..., Context]) -> dict[str, Part]:
    context = make_context(
        {"neighbours": NEIGHBOURS}, count=L, aspects=(N, D), label_table=D, labels=D, document=D, maacf__text=D
    )
    made = {
        "groups": LabelGroups(LabelGroupsConfig(k=K), context),
        "groups-mcf": LabelGroups(LabelGroupsConfig(k=K, attention="self"), context),
        "co-attention": CoAttention(CoAttentionConfig(), context),
        "co-attention-mcf": CoAttention(CoAttentionConfig(attention="self"), context),
        "ncf": CollaborativeFiltering(NCFConfig(hidden=D), context),
        "ncf-of-table": CollaborativeFiltering(NCFConfig(text="document", label="label_table", hidden=D), context),
    }
    for name, part in made.items():
        part.path = name
    return made


def states_of(table: Tensor) -> States:
    text = {"maacf.text": torch.randn(B, L, D, requires_grad=True)}
    aspects, labels = torch.randn(B, N, D, requires_grad=True), torch.randn(B, L, D, requires_grad=True)
    return States(
        document=torch.randn(B, D), aspects=aspects, labels=labels, label_table=lambda ids: table[ids], extra=text
    )


def given(part: Part, states: States, batch: Batch) -> Tensor:
    """What a part adds."""
    after = part(states, batch)
    if isinstance(part, LabelModule):
        return after.get("maacf.text") if isinstance(part, CoAttention) else after.first("labels")
    return after.first("scores")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_made_for_each_document_label_and_neighbour_or_aspect(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch], name: str
) -> None:
    """The largest is a vector for each document and label: neither k nor n of them, nor two one after the other."""
    part, table = parts(make_context)[name], torch.randn(L, D, requires_grad=True)
    states, batch = states_of(table), make_batch(B, labels=L)
    with Largest() as largest:
        given(part, states, batch).square().sum().backward()
    assert largest.numbers == B * L * D


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_read_back_from_the_device(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch], name: str
) -> None:
    """The meta device has no values; where some are read, a GPU would have to wait."""
    part = parts(make_context)[name].to("meta")
    with torch.device("meta"):
        for ids in (None, torch.zeros(B, L, dtype=torch.int64)):
            batch = make_batch(B, labels=L, ids=ids)
            assert given(part, states_of(torch.randn(L, D)), batch).is_meta


def ranked(parts: dict[str, Part], states: States, batch: Batch) -> Tensor:
    """The scores of the paper's model, whose fields are read by its predictor alone."""
    with torch.no_grad():
        for name in ("groups", "co-attention", "ncf"):
            states = parts[name].eval()(states, batch)
    return states.first("scores")


def test_to_rank_labels_no_vector_is_made_for_a_document_and_a_label(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a side's half of the first layer makes of its vectors is mixed for a few labels at once."""
    monkeypatch.setattr(ncf, "_AT_ONCE", B * 7 * D)
    states, batch = states_of(torch.randn(L, D)), make_batch(B, labels=L)
    with Largest() as largest:
        ranked(parts(make_context), states, batch)
    assert B * N * K * L == 7200  # the weights of a group's labels, for each aspect
    assert largest.numbers == max(B * N * K * L, K * L * D) < B * L * D


def test_a_further_batch_multiplies_what_is_weighed_and_no_matrix(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch]
) -> None:
    """Of documents that meet a chunk of labels second: n products for a label, n for each of its k neighbours, and the
    last layer's."""
    made, kept = parts(make_context), {}
    states = [states_of(torch.randn(L, D)) for _ in range(2)]
    counted = []
    for one in states:
        batch = make_batch(B, labels=L, kept={}, kept_of_labels=kept)
        with FlopCounterMode(display=False) as flops:
            ranked(made, one, batch)
        counted.append(flops.get_total_flops())
    aspects_through_the_layer = 2 * B * N * D * D
    assert counted[1] == 2 * B * L * (N * (1 + K) + 1) * D + aspects_through_the_layer
    judged = 2 * L * K * D * N
    of_labels = 2 * L * D * D * (1 + K) * 2  # W_f and W, of each label and its neighbours
    assert counted[0] == counted[1] + of_labels + judged
