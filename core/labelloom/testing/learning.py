"""Whether a part learns: the gradient reaches its weights, and training differs from evaluation by dropout alone."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from labelloom.components import is_draw
from labelloom.interfaces import Batch, Targets, Task
from labelloom.testing.closeness import differing, results
from labelloom.testing.modes import global_seed, weights_moved, without_dropout
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.worlds import Built, World


def gradient(world: World) -> None:
    """A gradient reaches every weight that the constructor did not fix."""
    built = world.build()
    trained = {name: weight for name, weight in built.part.named_parameters() if weight.requires_grad}
    if not trained:
        raise Skipped("it has no weights that train")
    weights_moved(built.part)  # what starts at zero, such as the second factor of an adapter, stops the gradient once
    with without_dropout(built.part):
        total = _total(built)
    promised = "the gradient reaches every weight that trains"
    if not total.requires_grad:
        raise Failure(promised, "what it gives has no gradient at all", "torch.no_grad, .detach() or .item()")
    gradients = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    reached = dict(zip(trained, gradients, strict=True))
    lost = [name for name, found in reached.items() if found is None]
    still = [name for name, found in reached.items() if found is not None and not _any(found)]
    undrawn = [name for name in world.node.reads if is_draw(name) and name not in world.chosen]
    if lost and not undrawn:  # what only a draw needs is looked at where that is drawn
        raise Failure(
            promised,
            f"none for {_some(lost)} of {len(trained)} weights",
            "a layer that forward does not use, or .detach(); a weight that must not train has requires_grad=False",
        )
    matrices = [name for name in still if trained[name].dim() > 1]
    if matrices:
        raise Failure(
            promised, f"it is zero throughout for {_some(matrices)}", "a product with zeros, a saturated clamp"
        )
    wrong = [name for name, found in reached.items() if found is not None and not _finite(found)]
    if wrong:
        raise Failure("gradients are finite", f"NaN or infinite for {_some(wrong)}", "the root, log or norm of 0")


def _total(built: Built) -> Tensor:
    """What is learnt from: the losses of a few steps, or a weighted sum of every field that the part gives."""
    generator = torch.Generator().manual_seed(11)
    totals = []
    for key in (1, 2, 3):
        draw = built.draw(key=key)
        batch = built.batch(draw, key)
        if built.world.component.kind == "task":
            totals.append(cast(Task, built.part)(built.feed(batch), batch, built.targets(draw)).total)
            continue
        states = built.part(built.feed(batch), batch)
        for name in sorted(built.world.node.signature.gives):
            value = states.get(name)
            if name == "label_table":
                value = value(torch.arange(batch.label_count))
            if isinstance(value, Tensor) and value.is_floating_point():
                totals.append((value * torch.randn(value.shape, generator=generator)).sum())
    return torch.stack([total.float() for total in totals]).sum()


def modes(world: World) -> None:
    """Without dropout, training mode gives what evaluation mode gives."""
    built = world.build()
    draw = built.draw()
    batch, targets = built.batch(draw), built.targets(draw)
    promised = "training differs from evaluation by dropout alone"
    evaluated = said(built, batch, targets)
    built.part.train()
    with without_dropout(built.part), global_seed(1):
        trained = said(built, batch, targets)
        drawn = [said(built, replace(batch, key=batch.key + step), targets) for step in (1, 2, 3)]
    left = [name or "itself" for name, module in built.part.named_modules() if not module.training]
    if left:
        raise Failure(
            "who trains a part says in which mode it is: frozen parts evaluate, all others train",
            f"after forward in training mode {_some(left)} is in evaluation mode",
            "self.part.eval() in forward or in the constructor: to freeze is the spec's, freeze = [...]",
        )
    if world.component.kind != "task" and any(any(differing(trained, again)) for again in drawn):
        raise Skipped("in training it draws by batch.noise, so that steps differ")
    for name, told in differing(evaluated, trained):
        raise Failure(
            promised,
            f"with every dropout off, {name} differs in training mode: {told}",
            "BatchNorm, `if self.training`, or noise that is no dropout of torch: LayerNorm, and batch.noise",
        )


def determinism(world: World) -> None:
    """Random choices follow from the batch: seed, stage, step, row; not from global random numbers."""
    built = world.build()
    draw = built.draw()
    batch, targets = built.batch(draw), built.targets(draw)
    built.part.train()
    found = []
    for seed in (1, 2):
        with without_dropout(built.part), global_seed(seed):
            found.append(said(built, batch, targets))
    one, other = found
    for name, told in differing(one, other, tolerance=0.1):
        raise Failure(
            "with dropout off, a step is a function of its batch: seed, stage, step and rows",
            f"with other global random numbers, {name} differs: {told}",
            "torch.rand, torch.randint or numpy.random in forward: use batch.noise(n, self.path)",
        )


def said(built: Built, batch: Batch, targets: Targets) -> dict[str, list[Tensor]]:
    """What a part says: every field that it gives, or a task's loss."""
    if built.world.component.kind == "task":
        loss = built.loss(batch, targets)
        return {"total": [loss.total], "count": [torch.as_tensor(loss.count)]}
    return results(built.states(batch), built.world.node.signature.gives, built.world.axes, batch)


def _any(gradient: Tensor) -> bool:
    return bool((gradient.coalesce().values() if gradient.is_sparse else gradient).any())


def _finite(gradient: Tensor) -> bool:
    return bool((gradient.coalesce().values() if gradient.is_sparse else gradient).isfinite().all())


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
