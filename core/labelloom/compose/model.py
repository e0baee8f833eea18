"""The built model: trunk, branches, scores, and the ranking of every label in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from labelloom.components import Scale, is_draw, side
from labelloom.compose.best import Best, best
from labelloom.compose.iteration import iterative_nodes
from labelloom.compose.plan import ModelPlan, Node
from labelloom.interfaces import Batch, Encoder, LabelTable, Part, States, Task

if TYPE_CHECKING:
    from labelloom.compose.shortlist import Shortlist


_WAITING = 128 << 20
"""Bytes of what the label side reads of documents, which lie in memory while these are ranked together."""


class Model(nn.Module):
    """Encoder, label modules and branches, in the order in which data passes.

    Its submodules are named as the plan's paths: `encoder`, `label_modules.0`, `predictor`, or
    `branches.<name>.label_modules.0` and `branches.<name>.predictor`.
    """

    def __init__(self, plan: ModelPlan, parts: Mapping[str, Part], inference: frozenset[str], scale: Scale):
        super().__init__()
        self.plan = plan
        self.inference = inference
        self.scale = scale
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
        self._unmasking = next((node.path for node in iterative_nodes(plan, inference)), None)
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
        """(B, C): the final scores of `batch.label_ids`: probabilities, or only ranks where nothing trains more.

        Where they are a distribution, C must be every label: 1 is shared among all of them. Where a part unmasks labels
        it takes several passes, each with every label.
        """
        if self._unmasking is not None:
            return batch.pick(self._in_passes(batch.with_every_label(), self._parts[self._unmasking]))
        return self._scores(batch)

    def _scores(self, batch: Batch) -> Tensor:
        """(B, C): of one pass."""
        states = self.states(batch, self.inference)
        scores = {branch.name: cast(Tensor, states[branch.name].scores) for branch in self.plan.branches}
        return self._mix(scores, log_sums(scores, {}) if self.scale == "distribution" else {})

    def _in_passes(self, batch: Batch, part: Part) -> Tensor:
        """(B, L): of each label the score of the last pass that masked it, as `part` unmasks them (`Part.unmask`)."""
        given = batch.given
        if given is None:
            given = torch.full((len(batch), batch.label_count), -1, dtype=torch.int8, device=batch.rows.device)
        kept = scores = self._scores(replace(batch, given=given))
        while True:
            told = part.unmask(scores, given)
            new = (given < 0) & (told >= 0)
            given = torch.where(new, told, given).to(torch.int8)
            masked = given < 0
            # A document that is done before others passes again as it is, and comes out the same.
            if not (new.any() and masked.any()):
                return kept
            scores = self._scores(replace(batch, given=given))
            kept = torch.where(masked, scores, kept)

    def rank(
        self, batch: Batch, k: int, chunk: int = 4096, shortlist: Shortlist | None = None
    ) -> tuple[Tensor, Tensor]:
        """The k best of all L labels of each document: ids (B, k) int64 and scores (B, k), best first.

        Equal scores stand in the order of their ids, so the answer is the same for every `chunk`. The document side,
        and everything up to the last part that works only on every label, runs once; the rest runs per chunk of
        labels with a running top-k, so memory follows B * chunk. Where scores are a distribution, what they are
        divided by runs along; where several distributions are averaged, it takes a pass of its own. Predictions in
        several passes decide on all labels in each of them, and so does this, whatever `chunk` is.

        With a `shortlist` only the labels on it are scored, and the answer is the k best of these, or all of them.
        """
        return self.rank_all([batch], k, chunk, shortlist)[0]

    @torch.no_grad()
    def rank_all(
        self, batches: Sequence[Batch], k: int, chunk: int = 4096, shortlist: Shortlist | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        """The same for several batches, chunk by chunk: what parts take from labels alone runs once for all of them.

        Meanwhile what the label side reads of each batch's documents is kept, so only as many batches go together as
        have 128 MiB of it. Where that is something for each of all labels, they are ranked one after the other.
        """
        if shortlist is not None:
            return list(self._rank_listed(batches, k, chunk, shortlist))
        count = batches[0].label_count
        every = torch.arange(count, device=batches[0].rows.device)
        batches = [batch.with_every_label() for batch in batches]
        if self._unmasking is not None or (count <= chunk and self.scale != "distribution"):
            return [best(self(batch).float(), every.expand(len(batch), -1), k) for batch in batches]
        once, rest = self.split()
        alone = self._gives(once, "BC")
        ranked: list[tuple[Tensor, Tensor]] = []
        waiting: list[_Waiting] = []
        for batch in batches:
            waiting.append(_Waiting(batch, self._document_side(batch, once, rest), Best(min(k, count))))
            if alone or batch is batches[-1] or sum(one.size for one in waiting) >= _WAITING:
                ranked += self._rank_waiting(waiting, rest, every.split(chunk))
                waiting = []
        return ranked

    def _rank_waiting(
        self, waiting: Sequence[_Waiting], rest: frozenset[str], chunks: Sequence[Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The best labels of the documents of each batch, chunk by chunk of labels."""
        # One distribution has the order of its logits, and those of its tail do not round to 0.
        by_logit = self.scale == "distribution" and len(self.plan.branches) == 1
        if self.scale == "distribution" and not by_logit:
            for ids in chunks:
                for one, here in self._chunk(waiting, rest, ids):
                    one.sums = log_sums(here, one.sums)
        for ids in chunks:
            for one, here in self._chunk(waiting, rest, ids):
                if by_logit:
                    one.sums = log_sums(here, one.sums)
                one.best.add(next(iter(here.values())) if by_logit else self._mix(here, one.sums), ids)
        for one in waiting:
            labels, scores = one.best.result()
            yield labels, (scores - next(iter(one.sums.values()))).exp() if by_logit else scores

    def _rank_listed(
        self, batches: Sequence[Batch], k: int, chunk: int, shortlist: Shortlist
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The k best of the labels on each document's shortlist; memory follows these, whatever L is."""
        once, rest = self.split()
        nodes = (*self.plan.trunk, *self.plan.branches[0].nodes)
        # What a part that runs once gives of labels must be of those listed: then all read their documents again.
        again = self._gives(once, "C")
        live = self.inference if again else rest
        read = {name for node in nodes if node.path in rest for name in node.reads if not is_draw(name)}
        waiting: list[tuple[Batch, States]] = []
        documents: list[Tensor] = []
        size = 0
        for batch in batches:
            # What a document is compared by does not depend on which labels are under consideration.
            bare = batch.with_labels(batch.rows.new_zeros(1, 1))
            states = self._run(nodes, once, States(), bare)
            documents.append(states.get(shortlist.query))
            waiting.append((batch, States() if again else states.only(read)))
            size += _held([documents[-1], *waiting[-1][1].tensors()])
            if batch is not batches[-1] and size < _WAITING:
                continue
            table = cast(LabelTable, self._run(nodes, shortlist.table_live & rest, states, bare).label_table)
            listed = shortlist.labels(torch.cat(documents), table, batch.label_count)
            for (one, given), ids in zip(waiting, listed.split([len(one) for one, _ in waiting]), strict=True):
                yield best(self._score_listed(one, given, ids.split(chunk, 1), live), ids, k)
            waiting, documents, size = [], [], 0

    def _score_listed(self, batch: Batch, given: States, chunks: Sequence[Tensor], live: frozenset[str]) -> Tensor:
        """(B, S) fp32: the final scores of each document's own labels, (B, C) a chunk; `given` is there before."""
        (branch,) = self.plan.branches
        nodes = (*self.plan.trunk, *branch.nodes)
        kept: dict[tuple[object, ...], Any] = {}
        scores: list[Tensor] = []
        for ids in chunks:
            states = self._run(nodes, live, given, replace(batch.with_labels(ids), kept=kept))
            scores.append(cast(Tensor, states.scores))
        return self._mix({branch.name: torch.cat(scores, 1)}, {}).float()

    def _document_side(self, batch: Batch, once: frozenset[str], rest: frozenset[str]) -> dict[str, States]:
        """By branch, of the states that the parts in `once` make, those that the parts in `rest` read."""
        trunk = self._run(self.plan.trunk, once, States(), batch)
        nodes = [node for node in self.plan.nodes if node.path in rest]
        read = {name for node in nodes for name in node.reads if not is_draw(name)}
        ends = {branch.name: self._run(branch.nodes, once, trunk, batch) for branch in self.plan.branches}
        return {name: states.only({"scores", *read}) for name, states in ends.items()}

    def _chunk(
        self, waiting: Sequence[_Waiting], rest: frozenset[str], ids: Tensor
    ) -> Iterator[tuple[_Waiting, dict[str, Tensor]]]:
        """For each batch (B, C) by branch: what the predictors say of the labels `ids`."""
        of_labels: dict[tuple[object, ...], Any] = {}
        for one in waiting:
            part = replace(one.batch.with_labels(ids[None]), kept=one.kept, kept_of_labels=of_labels)
            scores: dict[str, Tensor] = {}
            for branch in self.plan.branches:
                nodes = (*self.plan.trunk, *branch.nodes)
                states = self._run(nodes, rest, self._pick(one.branches[branch.name], ids), part)
                scores[branch.name] = cast(Tensor, states.scores)
            yield one, scores

    def _run(self, nodes: Sequence[Node], live: frozenset[str], states: States, batch: Batch) -> States:
        for node in nodes:
            if node.path in live:
                states = self._parts[node.path](states, batch)
        return states

    def _mix(self, scores: Mapping[str, Tensor], sums: Mapping[str, Tensor]) -> Tensor:
        """(B, C): shares average probabilities; a model that only ranks has one branch.

        `sums` are, for distributions, the log of the sum of exp(score) over every label, (B, 1) by branch.
        """
        if self.scale == "ranks":
            return next(iter(scores.values()))
        if self.scale == "distribution":
            made = {name: (values.float() - sums[name]).exp() for name, values in scores.items()}
        else:
            # In fp32: bf16 has no number between 0.996 and 1, and the first labels would tie.
            made = {name: values.float().sigmoid() for name, values in scores.items()}
        mixed = torch.stack([branch.share * made[branch.name] for branch in self.plan.branches]).sum(0)
        return mixed.clamp(max=1)  # rounded shares of branches that are certain may add up to a little more

    def split(self) -> tuple[frozenset[str], frozenset[str]]:
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
                    waiting.update(node.reads)
        once.add(self.plan.encoder.path)
        return frozenset(once), self.inference - once

    def part(self, path: str) -> Part:
        """The part at `path`, which no other part holds."""
        return self._parts[path]

    def _gives(self, paths: frozenset[str], wanted: str) -> bool:
        """Whether the parts at `paths` give a field that has the axes `wanted`: "BC" something for each document and
        each label under consideration."""
        given = {name for node in self.plan.nodes if node.path in paths for name in node.signature.gives}
        axes = {"labels": "BCK", "scores": "BC", **self._axes}
        return any(set(wanted) <= set(axes.get(name, "")) for name in given)

    def _pick(self, states: States, ids: Tensor) -> States:
        """The label-side fields of `states`, made for every label, cut to the chunk `ids`."""

        def cut(name: str, axes: str) -> Any:
            mixture = states.mixture(name)
            if mixture is not None:
                return mixture.at(ids)
            value = states.get(name)
            return value.index_select(axes.index("C"), ids) if value is not None and "C" in axes else value

        own = {name: cut(name, self._axes[name]) for name in states.extra}
        return states.add(own, labels=cut("labels", "BCK"), scores=cut("scores", "BC"))

    def _label_side(self, node: Node) -> bool:
        names = [*node.signature.gives, *node.reads]
        return any(side(name, self._axes) == "label" for name in names if not is_draw(name))


@dataclass
class _Waiting:
    """A batch whose labels are ranked chunk by chunk: its document side by branch, the best labels so far, what parts
    keep of it (`Batch.once`), and by branch the log of the sum of exp(score) so far."""

    batch: Batch
    branches: Mapping[str, States]
    best: Best
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict)
    sums: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def size(self) -> int:
        """Bytes of its document side; what several branches share counts once."""
        return _held(tensor for states in self.branches.values() for tensor in states.tensors())


def _held(tensors: Iterable[Tensor]) -> int:
    """Bytes of memory that they keep; what several share counts once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


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

    @property
    def notes(self) -> list[str]:
        """What its parts have to tell the user, with their paths."""
        return [f"{path}: {note}" for path, part in self.parts.items() for note in part.notes]


def log_sums(scores: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """(B, 1) by branch: log sum exp of `scores` (B, C), in fp32, and of those that made `before`."""
    here = {name: values.float().logsumexp(1, keepdim=True) for name, values in scores.items()}
    return {name: value.logaddexp(before[name]) if name in before else value for name, value in here.items()}
