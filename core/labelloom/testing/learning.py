"""Whether training is evaluation but for dropout, and a function of its batch."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from labelloom.interfaces import Batch, Targets
from labelloom.testing.closeness import differing, results
from labelloom.testing.gradient import some
from labelloom.testing.modes import global_seed, without_dropout
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.worlds import Built, World


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
            f"after forward in training mode {some(left)} is in evaluation mode",
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
