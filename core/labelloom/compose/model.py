"""The built model: trunk, branches, scores, and the ranking of every label in chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from labelloom.components import Need, is_draw, side
from labelloom.compose.plan import ModelPlan, Node
from labelloom.interfaces import Batch, Encoder, Part, States, Task


class Model(nn.Module):
    """Encoder, label modules and branches, in the order in which data passes.

    Its submodules are named as the plan's paths: `encoder`, `label_modules.0`, `predictor`, or
    `branches.<name>.label_modules.0` and `branches.<name>.predictor`.
    """

    def __init__(self, plan: ModelPlan, parts: Mapping[str, Part], inference: frozenset[str], probabilities: bool):
        super().__init__()
        self.plan = plan
        self.inference = inference
        self.probabilities = probabilities
        self.encoder = cast(Encoder, parts[plan.encoder.path])
        self.label_modules = nn.ModuleList(parts[node.path] for node in plan.label_modules)
        if len(plan.branches) == 1 and plan.branches[0].name == "main":
            self.predictor = parts[plan.branches[0].predictor.path]
        else:
            self.branches = nn.ModuleDict(
                {
                    branch.name: nn.ModuleDict(
                        {
                            "label_modules": nn.ModuleList(parts[node.path] for node in branch.label_modules),
                            "predictor": parts[branch.predictor.path],
                        }
                    )
                    for branch in plan.branches
                }
            )
        self._parts = dict(parts)
        self._axes = {
            name: axes for node in plan.nodes for name, axes in {**node.component.axes, **node.signature.axes}.items()
        }

    def states(self, batch: Batch, live: frozenset[str]) -> dict[str | None, States]:
        """The states at the end of the trunk (None) and of each branch, running only the parts in `live`."""
        trunk = self._run(self.plan.trunk, live, States(), batch)
        return {
            None: trunk,
            **{branch.name: self._run(branch.nodes, live, trunk, batch) for branch in self.plan.branches},
        }

    def forward(self, batch: Batch) -> Tensor:
        """(B, C): the final scores of `batch.label_ids`: probabilities, or only ranks where nothing trains more."""
        states = self.states(batch, self.inference)
        return self._mix({branch.name: states[branch.name] for branch in self.plan.branches})

    @torch.no_grad()
    def rank(self, batch: Batch, k: int, chunk: int = 4096) -> tuple[Tensor, Tensor]:
        """The k best of all L labels of each document: ids (B, k) int64 and scores (B, k), best first.

        Equal scores stand in the order of their ids, so the answer is the same for every `chunk`. The document side,
        and everything up to the last part that works only on every label, runs once; the rest runs per chunk of
        labels with a running top-k, so memory follows B * chunk.
        """
        count = batch.label_count
        every = torch.arange(count, device=batch.rows.device)
        batch = batch.with_every_label()
        if count <= chunk:
            return best(self(batch).float(), every.expand(len(batch), -1), k)
        once, rest = self._split()
        trunk = self._run(self.plan.trunk, once, States(), batch)
        branches = {branch.name: self._run(branch.nodes, once, trunk, batch) for branch in self.plan.branches}
        scores = torch.empty(len(batch), 0, device=every.device)
        labels = torch.empty(len(batch), 0, dtype=torch.int64, device=every.device)
        for ids in every.split(chunk):
            part = batch.with_labels(ids[None])
            here: dict[str, States] = {}
            for branch in self.plan.branches:
                nodes = (*self.plan.trunk, *branch.nodes)
                here[branch.name] = self._run(nodes, rest, self._pick(branches[branch.name], ids), part)
            mixed = self._mix(here).float()
            labels, scores = best(torch.cat([scores, mixed], 1), torch.cat([labels, ids.expand(len(batch), -1)], 1), k)
        return labels, scores

    def _run(self, nodes: Sequence[Node], live: frozenset[str], states: States, batch: Batch) -> States:
        for node in nodes:
            if node.path in live:
                states = self._parts[node.path](states, batch)
        return states

    def _mix(self, states: Mapping[str, States]) -> Tensor:
        """Shares average probabilities; a model that only ranks has one branch."""
        if not self.probabilities:
            return cast(Tensor, next(iter(states.values())).scores)
        return torch.stack(
            [branch.share * cast(Tensor, states[branch.name].scores).sigmoid() for branch in self.plan.branches]
        ).sum(0)

    def _split(self) -> tuple[frozenset[str], frozenset[str]]:
        """The live paths that run once, and those that run per chunk."""
        once: set[str] = set()
        for branch in self.plan.branches:
            sequence = [node for node in (*self.plan.trunk, *branch.nodes) if node.path in self.inference]
            every = [place for place, node in enumerate(sequence) if node.signature.labels == "all"]
            last = every[-1] if every else -1
            waiting: set[str] = set()  # what parts that run per chunk read: who overwrites it runs after them
            for place, node in enumerate(sequence):
                if place <= last or not (self._label_side(node) or node.signature.gives & waiting):
                    once.add(node.path)
                else:
                    waiting.update(name for need in node.signature.needs for name in Need.parse(need).alternatives)
        once.add(self.plan.encoder.path)
        return frozenset(once), self.inference - once

    def _pick(self, states: States, ids: Tensor) -> States:
        """The label-side fields of `states`, made for every label, cut to the chunk `ids`."""
        return replace(
            states,
            labels=None if states.labels is None else states.labels[:, ids],
            scores=None if states.scores is None else states.scores[:, ids],
            extra={
                name: value.index_select(self._axes[name].index("C"), ids) if "C" in self._axes[name] else value
                for name, value in states.extra.items()
            },
        )

    def _label_side(self, node: Node) -> bool:
        names = [*node.signature.gives, *(n for need in node.signature.needs for n in Need.parse(need).alternatives)]
        return any(side(name, self._axes) == "label" for name in names if not is_draw(name))


class Assembly(nn.Module):
    """A model with every task of every stage: all the weights of a run, named by the plan's paths.

    `parts` maps the path of each part, held ones too, to the part itself; `fixed` names the weights that a part's
    constructor took the gradient off (frozen word vectors, the lowest layers): no stage trains them.
    """

    def __init__(self, model: Model, tasks: Mapping[str, Task], parts: Mapping[str, Part]) -> None:
        super().__init__()
        self.model = model
        self.tasks = nn.ModuleDict(dict(tasks))
        self.parts = dict(parts)
        self.fixed = frozenset(name for name, weight in self.named_parameters() if not weight.requires_grad)


def best(scores: Tensor, labels: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of `scores` (B, C) with their `labels` (B, C), best first; equal ones stand as they came."""
    k = min(k, scores.shape[1])
    # NaN compares with nothing; as infinity it comes first, where whoever asked refuses it.
    scores = scores.nan_to_num(torch.inf, torch.inf, -torch.inf)
    edge = scores.topk(k, dim=1).values[:, -1:]
    above, level = scores > edge, scores == edge
    keep = above | (level & (level.cumsum(1) <= k - above.sum(1, keepdim=True)))
    places = keep.nonzero()[:, 1].view(len(scores), k)
    kept, order = scores.gather(1, places).sort(dim=1, descending=True, stable=True)
    return labels.gather(1, places.gather(1, order)), kept
