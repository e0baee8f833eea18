"""Whether a part learns, and lets others learn: the gradient reaches its weights, and the fields that it is fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from labelloom.components import is_draw
from labelloom.interfaces import Batch, States, Targets, Task
from labelloom.testing.fields import Table
from labelloom.testing.modes import global_seed, weights_moved, without_dropout
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.worlds import Built, World

STEPS = (1, 2, 3)
LEAST = 1e-3
"""By how much a field is changed to see whether anything follows from it: too little to make another choice."""

_WEIGHTS = "the gradient reaches every weight that trains"


def gradient(world: World) -> None:
    """A gradient reaches every weight that the constructor did not fix, and every field that is learnt from."""
    built = world.build()
    trained = {name: weight for name, weight in built.part.named_parameters() if weight.requires_grad}
    weights_moved(built.part)  # what starts at zero, such as the second factor of an adapter, stops the gradient once
    built.part.train()
    steps = [_Step(built, key) for key in STEPS]
    fields = {name: [step.leaves[name] for step in steps] for name in steps[0].leaves}
    if not trained and not fields:
        raise Skipped("it has no weights that train, and reads no field")
    with without_dropout(built.part), global_seed(1):
        total = torch.stack([step.total().float() for step in steps]).sum()
    if trained and not total.requires_grad:
        raise Failure(_WEIGHTS, "what it gives has no gradient at all", "torch.no_grad, .detach() or .item()")
    wanted = [*trained.values(), *(leaf for leaves in fields.values() for leaf in leaves)]
    found: Sequence[Tensor | None] = [None] * len(wanted)
    if total.requires_grad:
        found = torch.autograd.grad(total, wanted, allow_unused=True)
    of_weights = dict(zip(trained, found, strict=False))
    _reached(world, of_weights)
    after = iter(found[len(trained) :])
    of_fields = {name: [next(after) for _ in leaves] for name, leaves in fields.items()}
    for name, gradients in of_fields.items():
        if not any(each is not None and _any(each) for each in gradients):
            _starved(built, steps, name)
    all_found = {**{name: [each] for name, each in of_weights.items()}, **of_fields}
    wrong = [name for name, several in all_found.items() if any(each is not None and _odd(each) for each in several)]
    if wrong:
        raise Failure("gradients are finite", f"NaN or infinite for {some(wrong)}", "the root, log or norm of 0")


def _reached(world: World, gradients: Mapping[str, Tensor | None]) -> None:
    """Raises Failure for weights without a gradient, and for matrices with none but zeros."""
    lost = [name for name, found in gradients.items() if found is None]
    undrawn = [name for name in world.node.reads if is_draw(name) and name not in world.chosen]
    if lost and not undrawn:  # what only a draw needs is looked at where that is drawn
        raise Failure(
            _WEIGHTS,
            f"none for {some(lost)} of {len(gradients)} weights",
            "a layer that forward does not use, or .detach(); a weight that must not train has requires_grad=False",
        )
    still = [name for name, found in gradients.items() if found is not None and found.dim() > 1 and not _any(found)]
    if still:
        raise Failure(_WEIGHTS, f"it is zero throughout for {some(still)}", "a product with zeros, a saturated clamp")


def _starved(built: Built, steps: Sequence[_Step], name: str) -> None:
    """Raises Failure for a field without a gradient from which something follows.

    Where nothing follows from a least change, forward takes its shape from it, or makes a choice by it: neither has a
    gradient.
    """
    with without_dropout(built.part), torch.no_grad():
        for step in steps:
            with global_seed(1):
                one = step.said()
            with global_seed(1):
                other = step.said(changed=name)
            # Value by value: in a sum one that is large, as of a document without a word, hides all others.
            if not all(map(torch.equal, one, other)):
                raise Failure(
                    "the gradient reaches every field that something follows from: who made it learns through it",
                    f"with another {name} its result is another, and no gradient reaches {name}",
                    f".detach(), .data, torch.no_grad or .item() on states.{name}: what must not learn is frozen by "
                    "the spec, freeze = [...]",
                )


class _Step:
    """What a part is fed in one step, each field a leaf of its own."""

    def __init__(self, built: Built, key: int) -> None:
        draw = built.draw(key=key)
        self.built = built
        self.batch: Batch = built.batch(draw, key)
        self.targets: Targets = built.targets(draw)
        with torch.no_grad():
            self.fed: States = built.feed(self.batch)
        self.leaves: dict[str, Tensor] = {}
        for name in sorted(name for name in built.world.chosen if not is_draw(name)):
            value = self.fed.get(name)
            if name == "label_table":
                value = value(torch.arange(self.batch.label_count))
            if isinstance(value, Tensor) and value.is_floating_point():
                self.leaves[name] = value.detach().clone().requires_grad_()

    def total(self) -> Tensor:
        """What is learnt from: the loss, or a weighted sum of every field that the part gives."""
        said = self.said()
        if self.built.world.component.kind == "task":
            return said[0]
        generator = torch.Generator().manual_seed(11)
        sums = [(value * torch.randn(value.shape, generator=generator)).sum() for value in said]
        return torch.stack([torch.zeros(()), *sums]).sum()

    def said(self, changed: str = "") -> list[Tensor]:
        """The loss, or every field of numbers that the part gives; with another field `changed`, if one is named."""
        values = dict(self.leaves)
        if changed:
            noise = torch.randn(values[changed].shape, generator=torch.Generator().manual_seed(13))
            values[changed] = values[changed] + LEAST * noise
        own = {name: value for name, value in values.items() if "." in name}
        core = {n: Table(value) if n == "label_table" else value for n, value in values.items() if n not in own}
        fed = self.fed.add(own, **core)
        part = self.built.part
        if self.built.world.component.kind == "task":
            return [cast(Task, part)(fed, self.batch, self.targets).total]
        states = part(fed, self.batch)
        found = []
        for name in sorted(self.built.world.node.signature.gives):
            value = states.get(name)
            if name == "label_table":
                value = value(torch.arange(self.batch.label_count))
            if isinstance(value, Tensor) and value.is_floating_point():
                found.append(value)
        return found


def some(names: Sequence[str]) -> str:
    """The first few of these names, and how many more there are."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _any(gradient: Tensor) -> bool:
    return bool(_values(gradient).any())


def _odd(gradient: Tensor) -> bool:
    return not _values(gradient).isfinite().all()


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient
