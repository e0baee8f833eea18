"""What is asked of tasks: what a loss is, and what may count in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Batch, Draw, Loss, Targets, Task
from labelloom.testing.closeness import difference
from labelloom.testing.draws import half_told
from labelloom.testing.magnitude import CAUSE, LARGEST
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.worlds import Built, World

DOCUMENTS = {"without a label": 0, "with one label": 1, "with every label that there is": 2, "without a word": 4}
"""Rows of the training split that are odd."""


def loss(world: World) -> None:
    """A loss is a sum, what it counts and the logs of its record: finite numbers without axes."""
    built = world.build()
    draw = built.draw()
    found = built.part(built.feed(built.batch(draw), gradient=True), built.batch(draw), built.targets(draw))
    promised = "a task returns Loss(total, count, logs): a sum, and how many things it sums"
    if not isinstance(found, Loss):
        raise Failure(promised, f"it returned {type(found).__name__}", "`return Loss.over(values, mask)` is missing")
    for name, value in {"total": found.total, "count": found.count, **found.logs}.items():
        if not isinstance(value, Tensor) or value.dim() != 0:
            told = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise Failure(
                promised, f"{name} is {told}, not one number", "a sum over documents, or over labels, is missing"
            )
        if not value.isfinite():
            raise Failure("a loss is finite", f"{name} is {value.item()}", "0 / 0, log 0, or exp of large scores")
    if found.count < 0:
        raise Failure(promised, f"count is {found.count.item():g}", "a mask that is negated")
    recorded = world.component.logs
    if found.logs.keys() != recorded:
        happened = f"it logs {_listed(found.logs)}, its record says {_listed(recorded)}"
        raise Failure("its logs are those of its record", happened, "logs={...} of the record was not changed along")
    if world.component.trains and "scores" in world.made_up:
        _direction(built, draw)
    learns = world.made_up or any(weight.requires_grad for weight in built.part.parameters())
    if found.count > 0 and learns and not found.total.requires_grad:
        raise Failure("a loss has a gradient", "its total has none", "torch.no_grad, .detach() or .item()")


def _direction(built: Built, draw: Draw) -> None:
    """Scores that agree with the truth cost less than those that contradict it."""
    batch, targets = built.batch(draw), built.targets(draw)
    fed = built.feed(batch)
    right = (targets.dense(batch.label_ids).float() * 2 - 1) * 3
    with torch.no_grad():
        agreeing, contradicting = (built.part(fed.add(scores=sign * right), batch, targets).total for sign in (1, -1))
    if not agreeing < contradicting:
        raise Failure(
            "a task that trains scores costs less where they agree with the truth",
            f"its total is {agreeing.item():g} where they agree and {contradicting.item():g} where they contradict it",
            "a sign, a truth turned round, or a loss where a likelihood is meant",
        )


def countable(world: World) -> None:
    """Only labels under `batch.countable` count: told ones, padding and rows that samplers added change nothing."""
    built = world.build()
    draw = _crowded(built)
    batch = built.batch(draw)
    truth = built.rows.label_sets.take(draw.rows).to_dense()
    asked = np.zeros_like(truth)
    places, columns = batch.countable.nonzero(as_tuple=True)
    ids = batch.label_ids.expand(len(batch), -1)[places, columns]
    asked[places.numpy(), ids.numpy()] = True
    for what, lied in _lies(draw, truth, asked).items():
        found = [built.loss(batch, _targets(each)) for each in (truth, lied)]
        for name in ("total", "count"):
            one, other = (torch.as_tensor(getattr(each, name)) for each in found)
            if told := difference(other, one):
                raise Failure(
                    "only labels where batch.countable is True enter a loss that learns from labels",
                    f"another truth of {what} changes its {name} from {one.item():g} to {other.item():g} ({told})",
                    "targets.dense(batch.label_ids) without `& batch.countable`, or another mask than that",
                )
    if "scores" in world.chosen:
        _not_a_number(built, draw, batch)


def _lies(draw: Draw, truth: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    """Truths that differ where nothing counts."""
    added = np.arange(len(draw.rows))[:, None] >= draw.anchors
    told = (np.zeros_like(truth) if draw.given is None else draw.given >= 0) & ~added
    lies = {"rows that samplers added": truth ^ (added & ~asked)}
    return {"labels that the input tells": truth ^ (told & ~asked), **lies} if draw.given is not None else lies


def _not_a_number(built: Built, draw: Draw, batch: Batch) -> None:
    """Scores of what does not count may be anything: the gradient of the others stays finite."""
    fed = built.feed(batch)
    assert fed.scores is not None
    scores = fed.scores.clone().masked_fill(~batch.label_mask, float("nan")).requires_grad_()
    found = cast(Task, built.part)(fed.add(scores=scores), batch, built.targets(draw))
    promised = "scores at places that hold no label enter neither the loss nor its gradient, even as NaN"
    cause = "the mask comes after the loss: scores.masked_fill(~batch.countable, 0) before it"
    if not found.total.isfinite():
        raise Failure(promised, f"the total is {found.total.item()}", cause)
    (gradient,) = torch.autograd.grad(found.total, [scores], allow_unused=True, materialize_grads=True)
    if not gradient.isfinite().all():
        raise Failure(promised, f"{int((~gradient.isfinite()).sum())} of its gradients are NaN or infinite", cause)


def _crowded(built: Built) -> Draw:
    """Anchors, rows after them, labels told, candidates with padding: all that may not count."""
    draw = built.draw()
    if draw.relation is None and draw.roles is None:
        draw = draw.with_rows(np.array([6, 3, 2]))
    if draw.candidates is None and built.world.node.signature.labels == "any" and not built.world.every_label:
        lists = [np.arange(3 + place % 3) for place in range(len(draw.rows))]
        draw = draw.with_candidates([(own * 3 + place) % len(built.labels) for place, own in enumerate(lists)])
    return draw if draw.given is not None else half_told(draw, built.rows.label_sets)


def nothing(world: World) -> None:
    """Where nothing counts the total is 0, the count is 0, and the graph is connected."""
    built = world.build()
    draw = built.draw()
    batch = built.batch(draw)
    batch = replace(batch, is_anchor=torch.zeros_like(batch.is_anchor))
    fed = built.feed(batch, gradient=True)
    leaves = [*built.world.workshop.fields.leaves.values(), *built.part.parameters()]
    found = cast(Task, built.part)(fed, batch, built.targets(draw))
    promised = "where nothing counts the count is 0, and the total 0 and still connected to the graph"
    cause = "a mean over nothing, or an early `return` of a fresh zero: Loss.over gives both right"
    total, count = float(found.total.detach()), float(found.count)
    if world.component.trains and count:
        raise Failure(promised, f"without an anchor the count is {count:g}", cause)
    if not np.isfinite(total) or (count == 0 and total != 0):
        raise Failure(promised, f"without an anchor the total is {total:g} and the count {count:g}", cause)
    trained = [leaf for leaf in leaves if leaf.requires_grad]
    if trained and not found.total.requires_grad:
        raise Failure(promised, "the total has no gradient, and other processes would wait for it", cause)
    if trained:
        for gradient in torch.autograd.grad(found.total, trained, allow_unused=True):
            if gradient is not None and not gradient.isfinite().all():
                raise Failure(promised, "a gradient is NaN or infinite", cause)


def documents(world: World) -> None:
    """A batch of one document has a loss: without a label, with one, with all, without a word."""
    built = world.build()
    may = set(built.anchors(len(built.rows)).tolist())
    seen = False
    for what, row in DOCUMENTS.items():
        if row not in may:
            continue
        seen = True
        draw = built.draw([row])
        found = built.loss(built.batch(draw), built.targets(draw))
        for name in ("total", "count"):
            if not torch.as_tensor(getattr(found, name)).isfinite():
                raise Failure(
                    "the loss is finite for every document",
                    f"of a document {what} the {name} is {float(getattr(found, name))}",
                    "a mean over the labels that a document carries, or lacks, when there are none",
                )
        if found.total.abs() >= LARGEST:
            raise Failure(
                f"the loss of a document is below {LARGEST:g} in size, whatever it has",
                f"of a document {what} the total is {found.total.item():.3g}",
                CAUSE,
            )
    if not seen:
        raise Skipped("its samplers anchor on none of the odd documents")


def labels(world: World) -> None:
    """It takes labels as all, shared or each document's own, and padding among them changes nothing."""
    if world.every_label:
        raise Skipped("it works only on every label, as its record says")
    if "candidates" in world.draws:
        raise Skipped("a sampler draws its labels")
    built = world.build()
    draw = built.draw()
    batch, targets = built.batch(draw), built.targets(draw)
    if batch.every_label:
        _alike(built, targets, batch, replace(batch, every_label=False), "all labels are listed as candidates")
        ids = torch.tensor([[5, 0, 2]])
        own = (torch.arange(4) * 3 + torch.arange(len(batch))[:, None]) % batch.label_count
        few = [batch.with_labels(ids), batch.with_labels(own)]
    else:
        few = [batch]
    for each in few:
        pad = torch.zeros(len(each.label_ids), 2, dtype=torch.int64)
        mask = torch.cat([each.label_mask, pad.bool()], 1)
        padded = replace(each, label_ids=torch.cat([each.label_ids, pad], 1), label_mask=mask, every_label=False)
        _alike(built, targets, each, padded, "two places of padding follow the labels under consideration")


def _alike(built: Built, targets: Targets, one: Batch, other: Batch, what: str) -> None:
    found = [built.loss(batch, targets) for batch in (one, other)]
    for name in ("total", "count"):
        first, second = (torch.as_tensor(getattr(each, name)) for each in found)
        if told := difference(second, first):
            raise Failure(
                "a loss depends on the labels under consideration, and not on how they are listed or padded",
                f"where {what}, the {name} is {second.item():g} instead of {first.item():g} ({told})",
                "label_mask is left aside (batch.countable has it), or ids are taken for places",
            )


def padding(world: World) -> None:
    """The loss is the same however far the documents are padded."""
    if "tokens" not in world.made_up:
        raise Skipped("it reads no tokens")
    built = world.build()
    draw = built.draw()
    batch, targets = built.batch(draw), built.targets(draw)
    one, other = (built.loss(batch, targets, padding) for padding in (0, 5))
    if told := difference(other.total, one.total):
        raise Failure(
            "the loss does not depend on how far the batch is padded, nor on what stands there",
            f"padded by 5 more places the total is {other.total.item():g} instead of {one.total.item():g} ({told})",
            "tokens are read where token_mask is False",
        )


def company(world: World) -> None:
    """The loss of a batch is the sum of its documents' losses, so that processes may share them."""
    if world.draws:
        raise Skipped("it compares the documents of a batch, which samplers draw for it")
    built = world.build()
    # What padding changes is for `padding` to tell.
    rows = built.even() if "tokens" in world.chosen else np.arange(8)
    together, apart = _summed(built, [rows]), _summed(built, rows[:, None])
    for name, whole in together.items():
        if told := difference(apart[name], whole):
            raise Failure(
                "totals, counts and logs are sums over documents: the loop adds those of parts and processes",
                f"{name} of {len(rows)} documents is {whole.item():g}, those of each alone add up to "
                f"{apart[name].item():g} ({told})",
                "a mean instead of a sum: return the sum and what it counts, Loss.over(values, mask)",
            )


def _summed(built: Built, batches: Iterable[np.ndarray]) -> dict[str, Tensor]:
    sums: dict[str, Tensor] = {}
    for rows in batches:
        draw = built.draw(rows)
        found = built.loss(built.batch(draw), built.targets(draw))
        for name, value in {"total": found.total, "count": found.count, **found.logs}.items():
            sums[name] = sums.get(name, torch.zeros(())) + torch.as_tensor(value).float()
    return sums


def _targets(dense: np.ndarray) -> Targets:
    sets = LabelSets.from_dense(dense)
    return Targets(torch.from_numpy(sets.offsets), torch.from_numpy(sets.values), sets.label_count)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
