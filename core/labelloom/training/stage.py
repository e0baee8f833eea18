"""One stage as a module: it runs the parts that its tasks need and gives their losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from labelloom.compose.build import AllAssets, build, initialise
from labelloom.compose.model import Assembly
from labelloom.compose.plan import Plan, StagePlan
from labelloom.data.corpus import Corpus
from labelloom.errors import BundleError, TrainingError
from labelloom.interfaces import Batch, Loss, Targets
from labelloom.interfaces.noise import stable_key
from labelloom.training.weight_names import in_few_names


class StageModule(nn.Module):
    """The wrapped forward of a stage: model and tasks together, so that the tasks' weights are synchronised too."""

    def __init__(self, assembly: Assembly, stage: StagePlan) -> None:
        super().__init__()
        self.assembly = assembly
        self.stage = stage

    def forward(self, batch: Batch, targets: Targets) -> tuple[Tensor, Tensor]:
        """The total and the count of each task's loss, (T,) each, in the order of the stage's tasks."""
        losses = self.losses(batch, targets)
        totals = torch.stack([loss.total.float() for loss in losses])
        counts = torch.stack([torch.as_tensor(loss.count, device=totals.device).float() for loss in losses])
        return totals, counts.detach()

    def losses(self, batch: Batch, targets: Targets) -> list[Loss]:
        """What each task says, in the order of the stage's tasks. Raises BundleError for other logs than recorded."""
        states = self.assembly.model.states(batch, self.stage.live)
        losses: list[Loss] = []
        for task in self.stage.tasks:
            loss = self.assembly.tasks[task.name](states[task.branch], batch, targets)
            recorded = task.node.component.logs
            if loss.logs.keys() != recorded:
                raise BundleError(
                    f"its loss has the logs {_listed(loss.logs)}, its record says {_listed(recorded)}",
                    where=task.node.title,
                    suggestions=[f"logs={{{', '.join(repr(name) for name in sorted(loss.logs))}}} in its record"],
                )
            losses.append(loss)
        return losses

    def train(self, mode: bool = True) -> StageModule:
        """Training mode for what trains: frozen parts, and parts that the stage does not run, stay in eval mode."""
        super().train(False)
        if mode:
            self.training = True
            for path in self.stage.live:
                self.assembly.parts[path].train()
            for task in self.stage.tasks:
                self.assembly.tasks[task.name].train()
            for module in self._under(self.stage.freeze):
                module.eval()
        return self

    def freeze(self) -> None:
        """Let only those weights require a gradient that run here and are frozen neither by the stage nor for good."""
        self.assembly.requires_grad_(False)
        for path in self.stage.live:
            self.assembly.parts[path].requires_grad_(True)
        for task in self.stage.tasks:
            self.assembly.tasks[task.name].requires_grad_(True)
        for module in self._under(self.stage.freeze):
            module.requires_grad_(False)
        for name, weight in self.assembly.named_parameters():
            if name in self.assembly.fixed:
                weight.requires_grad_(False)

    def keep_reached(self, batch: Batch, targets: Targets) -> list[str]:
        """Take the gradient off the weights that no loss of this batch reaches; their names. Nothing else changes.

        Raises TrainingError when no weight is left to train.
        """
        weights = {name: weight for name, weight in self.assembly.named_parameters() if weight.requires_grad}
        self.assembly.zero_grad(set_to_none=True)
        # Around the backward pass too, which would find the buffers that it rests on changed.
        with buffers_kept(self):
            totals, _ = self(batch, targets)
            if totals.requires_grad:
                totals.sum().backward()
        unreached = [name for name, weight in weights.items() if weight.grad is None]
        for name in unreached:
            weights[name].requires_grad_(False)
        self.assembly.zero_grad(set_to_none=True)
        if len(unreached) == len(weights):
            raise TrainingError(
                f"nothing trains in stage {self.stage.name!r}: every weight that its losses reach is frozen",
                where=f"{self.stage.key}.freeze".lstrip("."),
                suggestions=["freeze less, or remove the stage"],
            )
        return unreached

    def reset(self, plan: Plan, corpus: Corpus, assets: AllAssets, key: int) -> None:
        """Start the weights of what the stage resets anew, as at the beginning of a run; `key` is the stage's."""
        if not self.stage.reset:
            return
        torch.manual_seed(stable_key(key, "reset"))
        fresh = build(plan, corpus.labels, assets)
        for path in self.stage.reset:
            module_at(self.assembly, path).load_state_dict(module_at(fresh, path).state_dict())
        # With the encoder as it is trained so far, unless that is reset too.
        initialise(self.assembly, corpus, self.stage.reset)

    def told(self, unreached: Sequence[str]) -> str:
        """One sentence on the weights that `keep_reached` found."""
        weights = dict(self.assembly.named_parameters())
        parameters = sum(weights[name].numel() for name in unreached)
        return (
            f"stage {self.stage.name!r}: {parameters:,} parameters stay as they are, "
            f"since no loss reaches them: {', '.join(self.summed_up(unreached))}"
        )

    def summed_up(self, unreached: Sequence[str]) -> list[str]:
        """The weights that `keep_reached` found, in few names: whole parts by their path, then modules and weights."""
        weights = dict(self.assembly.named_parameters())
        left = {id(weights[name]) for name in unreached}
        fixed = {id(weights[name]) for name in self.assembly.fixed}
        whole: list[str] = []
        for path, part in sorted(self.assembly.parts.items()):
            own = {id(weight) for weight in part.parameters()} - fixed
            if own and own <= left:
                whole.append(path)
                left -= own
        names = [name for name in unreached if id(weights[name]) in left]
        return [*whole, *in_few_names(names, [name for name in weights if name not in self.assembly.fixed])]

    def _under(self, paths: Iterable[str]) -> Iterable[nn.Module]:
        return (module_at(self.assembly, path) for path in paths)


def module_at(assembly: Assembly, path: str) -> nn.Module:
    """What a spec's path names: a part, wherever its holder keeps it, or a table of parts such as "model"."""
    part = assembly.parts.get(path)
    return part if part is not None else assembly.get_submodule(path)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


@contextmanager
def buffers_kept(module: nn.Module) -> Iterator[None]:
    """Puts the buffers of `module` back at the end: a pass that only looks must not move running statistics."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
