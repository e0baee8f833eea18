"""`Batch`, what a model may see of a step; `Targets`, what only tasks and metrics may see; `Loss`, what tasks say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from labelloom.interfaces.noise import stable_key, uniform

Made = TypeVar("Made")


@dataclass(frozen=True)
class Batch:
    """B rows of a split, made by the loop. It holds no targets: no encoder, label module or predictor can read one.

    inputs      what the encoder's reader collated, rows first; nested when an encoder holds several
    rows        (B,) int64, the row in the split
    copies      (B,) int64, which repetition of that row this is (0 for the first)
    label_ids   (1 or B, C) int64: every label, a shared subset, or each document's own
    label_mask  (1 or B, C) bool: False where `label_ids` is padding
    label_count L, the size of the label set
    every_label whether `label_ids` is every label in order, (1, L): parts may then skip the look-up
    is_anchor   (B,) bool: rows that stand for themselves; samplers added the others, which count in no label loss
    roles       (B,) int64 index into `role_names`, or None: target, candidate, anchor, negative ...
    relation    (B, B) int8 or None: to row i, row j is a positive (+1), a negative (-1) or nothing (0)
    given       (B, L) int8 or None: the truth that the input tells of a label (0, 1), -1 where it tells none
    key         what `noise` is a function of, besides row and copy: seed, stage and step
    kept        where every label is ranked in chunks: what `once` keeps from chunk to chunk; None elsewhere
    kept_of_labels  the same for `once_for_labels`, from batch to batch
    """

    inputs: Mapping[str, Any]
    rows: Tensor
    copies: Tensor
    label_ids: Tensor
    label_mask: Tensor
    label_count: int
    is_anchor: Tensor
    every_label: bool = False
    roles: Tensor | None = None
    role_names: tuple[str, ...] = ()
    relation: Tensor | None = None
    given: Tensor | None = None
    key: int = 0
    kept: dict[tuple[object, ...], Any] | None = None
    kept_of_labels: dict[tuple[object, ...], Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def visible(self) -> Tensor:
        """(B, C) bool: labels whose truth the input tells."""
        if self.given is None:
            return torch.zeros(len(self), self.label_ids.shape[1], dtype=torch.bool, device=self.rows.device)
        return self.pick(self.given) >= 0

    @cached_property
    def countable(self) -> Tensor:
        """(B, C) bool: the one mask a task must respect: a real label, of an anchor, whose truth the input hides."""
        return self.label_mask & ~self.visible & self.is_anchor[:, None]

    def pick(self, full: Tensor) -> Tensor:
        """(1 or B, C, ...): the labels under consideration out of (1 or B, L, ...) values for every label.

        Values that are the same for every document, (L, ...), are what `look_up` is for.
        """
        if self.every_label:
            return full
        if len(self.label_ids) == 1:
            return full[:, self.label_ids[0]]
        rows = torch.arange(len(self), device=full.device)[:, None]
        return full.expand(len(self), *full.shape[1:])[rows, self.label_ids]

    def look_up(self, table: Tensor) -> Tensor:
        """(1 or B, C, ...): the rows of the labels under consideration in a table (L, ...) of one row a label."""
        return table[None] if self.every_label else table[self.label_ids]

    def once(self, make: Callable[[], Made], *key: object) -> Made:
        """`make()`, kept while the same documents meet one chunk of labels after the other.

        For what a part takes from the document side alone, such as the document's half of a first layer. A part passes
        its own path as the key, with a word more for a second thing. Where nothing is ranked in chunks, as in training,
        this is `make()`.
        """
        return _kept(self.kept, make, key)

    def once_for_labels(self, make: Callable[[], Made], *key: object) -> Made:
        """The same for what a part takes from `label_ids` alone, kept while one batch after the other meets them."""
        return _kept(self.kept_of_labels, make, key)

    def where(self, role: str) -> Tensor:
        """(R,) int64: the places in the batch of the rows with this role; none when no row has one."""
        if self.roles is None or role not in self.role_names:
            return torch.zeros(0, dtype=torch.int64, device=self.rows.device)
        return (self.roles == self.role_names.index(role)).nonzero()[:, 0]

    def subset(self, places: Tensor) -> Batch:
        """The batch of only these places, in this order."""
        shared = len(self.label_ids) == 1
        return replace(
            self,
            inputs=take_rows(self.inputs, places),
            rows=self.rows[places],
            copies=self.copies[places],
            label_ids=self.label_ids if shared else self.label_ids[places],
            label_mask=self.label_mask if len(self.label_mask) == 1 else self.label_mask[places],
            is_anchor=self.is_anchor[places],
            roles=None if self.roles is None else self.roles[places],
            relation=None if self.relation is None else self.relation[places][:, places],
            given=None if self.given is None else self.given[places],
            kept=None,
            kept_of_labels=None,
        )

    def with_inputs(self, inputs: Mapping[str, Any]) -> Batch:
        """The batch as an encoder that another one holds sees it: only its own inputs."""
        return replace(self, inputs=inputs, kept=None)

    def with_labels(self, label_ids: Tensor) -> Batch:
        """The batch with other labels under consideration: (1 or B, C) int64 without padding."""
        mask = torch.ones_like(label_ids, dtype=torch.bool)
        return replace(self, label_ids=label_ids, label_mask=mask, every_label=False, kept_of_labels=None)

    def with_every_label(self) -> Batch:
        """The batch with all L labels under consideration, in order."""
        ids = torch.arange(self.label_count, device=self.rows.device)[None]
        mask = torch.ones_like(ids, dtype=torch.bool)
        return replace(self, label_ids=ids, label_mask=mask, every_label=True, kept_of_labels=None)

    def noise(self, n: int, *streams: object) -> Tensor:
        """(B, n) float32, uniform in [0, 1): a hash of seed, stage, step, `streams`, row and copy.

        `streams` tell apart what draws: a part passes its own path (`self.path`). The numbers of a row are the same
        in whatever batch, on whatever device, after whatever resume.
        """
        return uniform(stable_key(self.key, *streams), self.rows, self.copies, n)

    def to(self, device: torch.device) -> Batch:
        """The batch with every tensor on `device`."""
        moved = {name: _move(getattr(self, name), device) for name in self.__dataclass_fields__}
        return replace(self, **moved)


def _kept(kept: dict[tuple[object, ...], Any] | None, make: Callable[[], Made], key: tuple[object, ...]) -> Made:
    if kept is None:
        return make()
    if key not in kept:
        kept[key] = make()
    made: Made = kept[key]
    return made


def _move(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    return {key: _move(item, device) for key, item in value.items()} if isinstance(value, dict) else value


def take_rows(inputs: Mapping[str, Any], places: Tensor) -> dict[str, Any]:
    """Collated inputs of only these places; mappings inside are taken apart alike."""
    return {
        name: value[places] if isinstance(value, Tensor) else take_rows(value, places) for name, value in inputs.items()
    }


@dataclass(frozen=True)
class Targets:
    """The truth of a batch, sparse: the labels of row i are `values[offsets[i]:offsets[i + 1]]`, ascending int64.

    Labels that `batch.given` tells are already taken out, so no loss can be earned by copying the input.
    """

    offsets: Tensor
    values: Tensor
    label_count: int

    @property
    def rows(self) -> Tensor:
        """(len(values),) int64: the place in the batch of each value."""
        places = torch.arange(len(self.offsets) - 1, device=self.values.device)
        return torch.repeat_interleave(places, self.offsets.diff(), output_size=len(self.values))

    def dense(self, label_ids: Tensor) -> Tensor:
        """(B, C) bool: whether each document carries each of `label_ids` (1 or B, C).

        Every label, shared, goes through a (B, L) table; fewer, or each document's own, are looked up, so memory
        follows C.
        """
        count = len(self.offsets) - 1
        if len(label_ids) == 1 and label_ids.shape[1] >= self.label_count:
            table = torch.zeros(count, self.label_count, dtype=torch.bool, device=self.values.device)
            table[self.rows, self.values] = True
            return table[:, label_ids[0]]
        rows = torch.arange(count, device=self.values.device)[:, None]
        known = self.rows * self.label_count + self.values
        asked = rows * self.label_count + label_ids
        if len(known) == 0:
            return torch.zeros_like(asked, dtype=torch.bool)
        found = torch.searchsorted(known, asked).clamp(max=len(known) - 1)
        return known[found] == asked

    def to(self, device: torch.device) -> Targets:
        """The targets on `device`."""
        return Targets(self.offsets.to(device), self.values.to(device), self.label_count)


@dataclass(frozen=True)
class Loss:
    """A sum and what it counts: the loop minimises weight * total / count, both summed over processes and parts.

    total  () the sum; where nothing counts it is 0 and still connected to the graph
    count  () how many things were summed: documents, labels, pairs; 0 when there were none
    logs   by name, () sums over the same things, such as how many were right: validation tells log / count. More must
           be better; the task's record names them
    """

    total: Tensor
    count: Tensor
    logs: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def over(cls, values: Tensor, mask: Tensor) -> Loss:
        """The sum of `values` where `mask`, counting each.

        Values elsewhere do not enter the sum, even NaN; but their gradient would be NaN too, so what they are computed
        from must be masked before.
        """
        mask = mask.expand_as(values)
        kept = torch.where(mask, values, torch.zeros((), dtype=values.dtype, device=values.device))
        return cls(kept.float().sum(), mask.sum().float())
