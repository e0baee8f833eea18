"""No loss is earned by copying what the input shows, but for the one that says so; predictions are shown nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelloom.bundles import Catalogue
from labelloom.compose.build import build, build_samplers, initialise, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Assembly
from labelloom.compose.plan import StagePlan
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Batch, States, Targets
from labelloom.runs.scoring import rank_split
from labelloom.spec import validate_spec
from labelloom.training.feed import Feed

LABELS = 5
BCE = {"use": "standard/bce", "reduction": "mean"}
MLM = {"use": "lmmtc/label-mlm"}
LITERAL = {"use": "lmmtc/literal-bce"}
MODES = [{"mode": "uniform"}, {"mode": "uniform", "wrong": 0.3}, {"mode": "bernoulli"}]


@dataclass(frozen=True)
class Built:
    """A model with its tasks, and the steps of its only stage."""

    assembly: Assembly
    stage: StagePlan
    corpus: Corpus

    def steps(self, key: int, corpus: Corpus | None = None) -> Iterator[tuple[Batch, Targets]]:
        train = (corpus or self.corpus).train
        reader = self.assembly.model.encoder.reader
        columns = Columns.from_texts(list(train.texts), reader)
        samplers = build_samplers(self.stage, self.corpus.labels, {})
        feed = Feed(train, columns, reader, samplers, self.stage.settings, key)
        return (batch for step in range(10**6) for batch in feed.step(step))

    def losses(self, batch: Batch, targets: Targets) -> list[torch.Tensor]:
        states = self.assembly.model.states(batch, self.stage.live)["main"]
        made = [self.assembly.tasks[task.name](states, batch, targets) for task in self.stage.tasks]
        return [loss.total / loss.count.clamp(min=1) for loss in made]


@pytest.fixture
def compose(catalogue: Catalogue, bert: Path, corpus: Corpus) -> Callable[..., Built]:
    def make(tasks: list[dict[str, Any]], sampler: dict[str, Any], batch_size: int = 24, **options: Any) -> Built:
        raw = {
            "name": "made",
            "data": {"source": "arxiv-mini"},
            "model": {
                "encoder": {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert), **options},
                "predictor": {"use": "lmmtc/slot-linear"},
            },
            "tasks": tasks,
            "samplers": [{"use": "lmmtc/reveal", **sampler}],
            "training": {"batch_size": batch_size},
        }
        plan = check(validate_spec(raw), catalogue=catalogue)
        torch.manual_seed(0)
        assembly = build(plan, corpus.labels, prepare(plan, corpus))
        initialise(assembly, corpus)
        return Built(assembly, plan.stages[0], corpus)

    return make


def lie(batch: Batch, targets: Targets, about: torch.Tensor) -> Targets:
    """Targets that say the opposite of the labels in `about` (B, L)."""
    carried = targets.dense(torch.arange(LABELS)[None]) ^ about
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), carried.sum(1).cumsum(0)])
    return Targets(offsets, carried.nonzero()[:, 1], LABELS)


@pytest.mark.parametrize("sampler", MODES, ids=lambda sampler: "-".join(map(str, sampler.values())))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.integers(0, 2**40))
def test_a_lie_about_a_shown_label_changes_no_loss(
    compose: Callable[..., Built], sampler: dict[str, Any], key: int
) -> None:
    built = compose([BCE, MLM], sampler, mask_words=0.3)
    built.assembly.train()
    batch, targets = next(built.steps(key))
    assert batch.given is not None
    shown = batch.given >= 0
    assert shown.any()
    found = []
    for about in (torch.zeros_like(shown), shown, ~shown):
        torch.manual_seed(1)  # one dropout
        found.append(built.losses(batch, lie(batch, targets, about)))
    for truth, about_shown, about_masked in zip(*found, strict=True):
        assert torch.equal(truth, about_shown)
        assert not torch.equal(truth, about_masked)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.integers(0, 2**40))
def test_the_input_tells_nothing_of_a_masked_label(compose: Callable[..., Built], key: int) -> None:
    built = compose([BCE, MLM], {"mode": "bernoulli", "probability": 0.5}, mask_words=0.3)
    built.assembly.train()
    batch, _ = next(built.steps(key))
    assert batch.given is not None
    dense = built.corpus.train.label_sets.to_dense()
    dense[batch.rows.numpy()] ^= (batch.given < 0).numpy()
    other = replace(built.corpus.train, label_sets=LabelSets.from_dense(dense))
    changed, _ = next(built.steps(key, replace(built.corpus, splits={**built.corpus.splits, "train": other})))
    scores = []
    for each in (batch, changed):
        torch.manual_seed(1)
        scores.append(built.assembly.model.states(each, built.stage.live)["main"].scores)
    assert torch.equal(*scores)


def test_scores_of_an_evaluation_do_not_depend_on_targets(
    compose: Callable[..., Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))
    built = compose([BCE, MLM], {"mode": "uniform"}, mask_words=0.3)
    split = built.corpus.validation
    rankings = []
    for truth in (split.label_sets, LabelSets.from_dense(~split.label_sets.to_dense())):
        changed = replace(split, label_sets=truth)
        rankings.append(rank_split(built.assembly.model.train(), changed, LABELS, 4))
    one, other = rankings
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.scores, other.scores)


def trained(built: Built, steps: int) -> tuple[float, float]:
    """The cross-entropy of a label after training: as in training, and with every label masked."""
    optimiser = torch.optim.Adam(built.assembly.parameters(), lr=3e-3)
    built.assembly.train()
    feed = built.steps(5)
    for _ in range(steps):
        optimiser.zero_grad()
        sum(built.losses(*next(feed))).backward()
        optimiser.step()
    built.assembly.eval()
    with torch.no_grad():
        batch, targets = next(feed)
        shown = built.losses(batch, targets)[0].item()
        scores = built.assembly.model.states(replace(batch, given=None), built.stage.live)["main"].scores
        truth = torch.from_numpy(built.corpus.train.label_sets.to_dense()[batch.rows.numpy()])
        masked = torch.nn.functional.binary_cross_entropy_with_logits(scores, truth.float()).item()
    return shown, masked


def test_the_formula_to_the_letter_leaks_and_says_so(compose: Callable[..., Built], corpus: Corpus) -> None:
    """Every text is the same, so that nothing can be learnt but what the input shows."""
    same = replace(corpus.train, texts=type(corpus.train.texts).from_list(["word"] * len(corpus.train)))
    blind = replace(corpus, splits={**corpus.splits, "train": same})
    literal = replace(compose([LITERAL], {"mode": "bernoulli"}, batch_size=48, dropout=0.0), corpus=blind)
    (note,) = literal.assembly.notes
    assert note.startswith("tasks.literal-bce: learns to copy the labels that the input shows")
    honest = replace(compose([BCE], {"mode": "bernoulli"}, batch_size=48, dropout=0.0), corpus=blind)
    dense = blind.train.label_sets.to_dense().mean(0)
    chance = float(-(dense * np.log(dense) + (1 - dense) * np.log(1 - dense)).mean())
    shown, masked = trained(literal, 120)
    assert shown < 0.4 * chance < 0.9 * chance < masked
    shown, _ = trained(honest, 120)
    assert shown > 0.7 * chance


def test_the_literal_loss_is_the_naive_one(compose: Callable[..., Built]) -> None:
    built = compose([LITERAL], {"mode": "uniform"})
    batch, targets = next(built.steps(0))
    batch = replace(batch, is_anchor=torch.arange(len(batch)) != 2)
    scores = torch.randn(len(batch), LABELS, requires_grad=True)
    loss = built.assembly.tasks["literal-bce"](States(scores=scores), batch, targets)
    truth = built.corpus.train.label_sets.to_dense()[batch.rows.numpy()]
    naive = torch.zeros(())
    for row in range(len(batch)):
        for label in range(LABELS):
            if row != 2:
                p = scores[row, label].sigmoid()
                naive = naive - (p if truth[row, label] else 1 - p).log()
    assert loss.count == (len(batch) - 1) * LABELS
    torch.testing.assert_close(loss.total, naive)
    for one, other in zip(torch.autograd.grad(loss.total, scores), torch.autograd.grad(naive, scores), strict=True):
        torch.testing.assert_close(one, other)
