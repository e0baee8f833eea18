"""CLRL on an encoder whose input shows labels: its loss rests on no label that is shown, in every mode of showing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.bundles import Catalogue
from labelloom.compose.build import build, build_samplers, initialise, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Assembly
from labelloom.compose.plan import StagePlan
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch, Loss, Targets
from labelloom.spec import validate_spec
from labelloom.training.feed import Feed

LABELS = 6
TASKS = [
    {"use": "clmil/clrl", "name": f"{draw}-{scope}", "draw": draw, "scope": scope, "pairs": 4}
    for draw in ("uniform", "balanced")
    for scope in ("document", "anchor")
]
MODES: list[dict[str, Any]] = [
    {"mode": "uniform"},
    {"mode": "uniform", "wrong": 0.3},
    {"mode": "bernoulli", "probability": 0.5},
    {"mode": "bernoulli"},
    {"mode": "full"},
]
OFTEN_BOTH = MODES[:3]
"""In which so many labels are masked that some document has two for a pair, and so many shown that some are."""

keys = given(key=st.integers(0, 2**40))
few = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def modes(which: list[dict[str, Any]]) -> Any:
    """Built with each of these ways to show labels."""
    return pytest.mark.parametrize("built", which, ids=lambda mode: "-".join(map(str, mode.values())), indirect=True)


@dataclass(frozen=True)
class Built:
    """A label-mask encoder in training with its tasks, and the batches of its only stage."""

    assembly: Assembly
    stage: StagePlan
    corpus: Corpus
    columns: Columns

    def step(self, key: int) -> tuple[Batch, Targets]:
        samplers = build_samplers(self.stage, self.corpus.labels, {})
        reader = self.assembly.model.encoder.reader
        ((batch, targets),) = Feed(self.corpus.train, self.columns, reader, samplers, self.stage.settings, key).step(0)
        assert batch.given is not None
        return batch, targets

    def losses(self, batch: Batch, targets: Targets, labels: Tensor | None = None) -> dict[str, Loss]:
        torch.manual_seed(1)  # one dropout
        states = self.assembly.model.states(batch, self.stage.live)["main"]
        if labels is not None:
            states = states.add(labels=labels)
        return {task["name"]: self.assembly.tasks[task["name"]](states, batch, targets) for task in TASKS}


@pytest.fixture
def built(request: pytest.FixtureRequest, bert: Path, corpus_of: Callable[..., Corpus]) -> Built:
    """Of the bundles that are installed: LM-MTC's is no dependency of this one."""
    sets = [[0, 1], [1, 2, 3], [3], [0, 1, 4], [5], [2, 3, 4], [0, 1, 2, 3, 4, 5], [1, 2], [0, 4], []] * 3
    corpus = corpus_of(sets, LABELS)
    raw = {
        "name": "made",
        "data": {"source": "arxiv-mini"},
        "model": {
            "encoder": {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert)},
            "predictor": {"use": "lmmtc/slot-linear"},
        },
        "tasks": [{"use": "standard/bce"}, *TASKS],
        "samplers": [{"use": "lmmtc/reveal", **request.param}],
        "training": {"batch_size": len(sets)},
    }
    plan = check(validate_spec(raw), catalogue=Catalogue())
    torch.manual_seed(0)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    assembly.train()
    columns = Columns.from_texts(list(corpus.train.texts), assembly.model.encoder.reader)
    return Built(assembly, plan.stages[0], corpus, columns)


def lie(batch: Batch, targets: Targets, about: Tensor) -> Targets:
    """Targets that say the opposite of the labels in `about` (B, L)."""
    carried = targets.dense(batch.label_ids) ^ about
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), carried.sum(1).cumsum(0)])
    return Targets(offsets, carried.nonzero()[:, 1], LABELS)


@modes(OFTEN_BOTH)
@few
@keys
def test_a_lie_about_a_shown_label_changes_no_loss(built: Built, key: int) -> None:
    """Nor does it change which pairs are drawn, nor by way of which labels two are related."""
    batch, targets = built.step(key)
    shown = batch.visible
    assert shown.any()
    truth, of_shown, of_masked = (
        built.losses(batch, lie(batch, targets, about)) for about in (torch.zeros_like(shown), shown, ~shown)
    )
    for name, loss in truth.items():
        assert torch.equal(of_shown[name].total, loss.total), name
        assert torch.equal(of_shown[name].count, loss.count), name
        assert torch.equal(of_shown[name].logs["accuracy"], loss.logs["accuracy"]), name
        assert not torch.equal(of_masked[name].total, loss.total), name


@modes(MODES)
@few
@keys
def test_no_pair_has_a_label_whose_truth_the_input_shows(built: Built, key: int) -> None:
    """The vectors of shown labels get no gradient, and may be anything."""
    batch, targets = built.step(key)
    labels = torch.randn(len(batch), LABELS, 32).masked_fill(batch.visible[..., None], torch.nan).requires_grad_()
    pairs = (~batch.visible).sum(1) >= 2
    able = pairs & (targets.dense(batch.label_ids) & ~batch.visible).any(1)
    for name, loss in built.losses(batch, targets, labels).items():
        assert loss.count == 4 * able.sum(), name
        (gradient,) = torch.autograd.grad(loss.total, labels)
        reached = gradient.ne(0).any(-1)
        assert not (reached & batch.visible).any(), name
        assert torch.equal(reached.any(1), able), name
