"""LACO's parts on the label-mask encoder: they run, and no loss of any task rests on a label that the input shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.bundles import Catalogue
from labelloom.compose.build import build as build_model
from labelloom.compose.build import build_samplers, initialise, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Assembly
from labelloom.compose.plan import StagePlan
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch, Loss, States, Targets
from labelloom.spec import validate_spec
from labelloom.training.feed import Feed

LABELS = 5
TASKS: list[dict[str, Any]] = [
    {"use": "standard/bce", "reduction": "mean"},
    {"use": "lmmtc/label-mlm"},
    {"use": "laco/plcp", "pairs": 3},
    {"use": "laco/clcp", "name": "clcp"},
    {"use": "laco/clcp", "name": "clcp-of-many", "given": "uniform", "reduction": "sum", "project": True},
]
MODELS: dict[str, dict[str, Any]] = {
    "slots": {"predictor": {"use": "lmmtc/slot-linear"}},
    "cross attention": {
        "label_modules": [{"use": "laco/cross-attention"}],
        "predictor": {"use": "standard/linear"},
    },
}
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


def mixtures(modes: list[dict[str, Any]]) -> Any:
    """Every model in every one of `modes`."""
    cases = [(model, mode) for model in MODELS for mode in modes]
    names = [" ".join(map(str, (model, *mode.values()))) for model, mode in cases]
    return pytest.mark.parametrize("mixture", cases, ids=names, indirect=True)


@dataclass(frozen=True)
class Mixture:
    """A model with its tasks, and the batches of its only stage."""

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

    def states(self, batch: Batch) -> States:
        torch.manual_seed(1)  # one dropout
        return self.assembly.model.states(batch, self.stage.live)["main"]

    def losses(self, states: States, batch: Batch, targets: Targets) -> dict[str, Loss]:
        torch.manual_seed(2)
        return {task.name: self.assembly.tasks[task.name](states, batch, targets) for task in self.stage.tasks}


@pytest.fixture
def mixture(request: pytest.FixtureRequest, bert: Path, corpus: Corpus) -> Mixture:
    """A mixture in training, of the bundles that are installed: LACO's is no dependency of this one."""
    model, mode = request.param
    encoder = {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert), "mask_words": 0.3}
    raw = {
        "name": "mixed",
        "data": {"source": "arxiv-mini"},
        "model": {"encoder": encoder, **MODELS[model]},
        "tasks": TASKS,
        "samplers": [{"use": "lmmtc/reveal", **mode}],
        "training": {"batch_size": 24},
    }
    plan = check(validate_spec(raw), catalogue=Catalogue())
    torch.manual_seed(0)
    assembly = build_model(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    assembly.train()
    columns = Columns.from_texts(list(corpus.train.texts), assembly.model.encoder.reader)
    return Mixture(assembly, plan.stages[0], corpus, columns)


def lie(batch: Batch, targets: Targets, about: Tensor) -> Targets:
    """Targets that say the opposite of the labels in `about` (B, L)."""
    carried = targets.dense(batch.label_ids) ^ about
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), carried.sum(1).cumsum(0)])
    return Targets(offsets, carried.nonzero()[:, 1], LABELS)


@mixtures(OFTEN_BOTH)
@few
@keys
def test_a_lie_about_a_shown_label_changes_no_loss(mixture: Mixture, key: int) -> None:
    batch, targets = mixture.step(key)
    shown = batch.visible
    assert shown.any()
    truth, of_shown, of_masked = (
        mixture.losses(mixture.states(batch), batch, lie(batch, targets, about))
        for about in (torch.zeros_like(shown), shown, ~shown)
    )
    for name, loss in truth.items():
        assert torch.equal(of_shown[name].total, loss.total), name
        assert torch.equal(of_shown[name].count, loss.count), name
        assert not torch.equal(of_masked[name].total, loss.total), name


@mixtures(MODES)
@few
@keys
def test_no_loss_covers_a_slot_whose_truth_the_input_shows(mixture: Mixture, key: int) -> None:
    """What tasks read of a shown label has no gradient, so it may be anything; what they count is masked."""
    batch, targets = mixture.step(key)
    masked = ~batch.visible
    found = mixture.states(batch)
    read = (found.labels, found.get("lmmtc.slots"), found.scores)
    labels, slots, scores = leaves = [field.detach().requires_grad_() for field in read]
    head = mixture.assembly.model.encoder.head
    own = {"lmmtc.slots": slots, "lmmtc.totals": lambda mask: head(labels[mask]).logsumexp(-1)}
    states = States(labels=labels, scores=scores).add(own)

    losses = mixture.losses(states, batch, targets)

    reached = torch.zeros_like(masked)
    for name, loss in losses.items():
        gradients = torch.autograd.grad(loss.total, leaves, allow_unused=True, materialize_grads=True)
        of_task = torch.stack([gradient.view(*masked.shape, -1).ne(0).any(-1) for gradient in gradients]).any(0)
        assert not (of_task & ~masked).any(), name
        reached |= of_task
    assert (reached == masked).all()
    for name in ("bce", "label-mlm"):
        assert losses[name].count == masked.sum()
    pairs = (masked.sum(1) >= 2) & targets.dense(batch.label_ids).any(1)
    assert losses["plcp"].count <= 3 * pairs.sum()
    for name in ("clcp", "clcp-of-many"):
        assert losses[name].count <= masked.sum()


@mixtures(MODES[:1])
def test_a_mixture_trains_every_weight(mixture: Mixture) -> None:
    batch, targets = mixture.step(0)
    losses = mixture.losses(mixture.states(batch), batch, targets)
    sum(loss.total / loss.count for loss in losses.values()).backward()
    weights = dict(mixture.assembly.named_parameters())
    assert [name for name, weight in weights.items() if weight.grad is None] == []
    assert [name for name, weight in weights.items() if not weight.grad.isfinite().all()] == []
