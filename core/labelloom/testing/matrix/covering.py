"""A few models in which every two components stand together that can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import combinations, product

from labelloom.config import Signature
from labelloom.testing.matrix.bases import Base, bases, encoders
from labelloom.testing.matrix.dressing import Mixture, Pair, dressed
from labelloom.testing.matrix.parts import Form, Parts

_DEPTH = 3
"""Encoders within encoders."""


@dataclass(frozen=True)
class Covering:
    """Models that cover all pairs of components but those `apart`."""

    mixtures: tuple[Mixture, ...]
    apart: tuple[Pair, ...]


def cover(parts: Parts) -> Covering:
    """Models that cover every pair that can stand together, each with some that no earlier one has.

    The search goes from encoders that hold nothing to those that hold others, and among the chains on an encoder first
    to the one that could bring most. What fits behind an encoder follows from what it needs and gives: of encoders that
    are alike in that, one is searched to the end, and the others only for what was found behind it.
    """
    search = _Search(parts)
    for level in encoders(parts, _DEPTH):
        for form in level:
            search.behind(form)
    search.side_by_side()
    return Covering(tuple(search.found), tuple(sorted(search.open)))


class _Search:
    """The pairs that are still open, and the models found so far."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.open: set[Pair] = set(combinations(sorted(parts.components), 2))
        self.found: list[Mixture] = []
        self.losses = [form for form in parts.forms("task") if form.node.component.trains]
        self.late = frozenset(name for name, each in parts.components.items() if each.kind in ("task", "sampler"))
        self.reached: dict[object, set[str]] = {}
        self.bases: dict[str, list[Base]] = {}

    def behind(self, form: Form) -> None:
        """Cover what an encoder can bring."""
        kind = _kind(form.node.signature)
        known = self.reached.get(kind)
        possible = form.names | (self.parts.components.keys() if known is None else known)
        if not self._gain(possible, form.names):
            return
        pool = list(bases(self.parts, [form]))
        self.bases.setdefault(form.name, pool)
        reached = self.reached.setdefault(kind, set())
        # What a base could bring only shrinks: an old estimate that is beaten by no other is the best.
        heap = [(-self._gain(self._names(base) & possible), place) for place, base in enumerate(pool)]
        heapify(heap)
        while heap and heap[0][0]:
            _, place = heappop(heap)
            gain = -self._gain(self._names(pool[place]) & possible)
            if heap and gain > heap[0][0]:
                heappush(heap, (gain, place))
            elif gain:
                self._keep(self._dressed(pool[place]), reached)

    def side_by_side(self) -> None:
        """Cover label modules that take each other's place, on branches of their own."""
        for pool in self.bases.values():
            for one, other in product(pool, pool):
                new = one.module_names ^ other.module_names
                if one.modules and other.modules and self._gain(new, one.module_names & new, other.module_names & new):
                    self._keep(self._dressed(one, other), set())

    def _dressed(self, base: Base, *others: Base) -> Iterator[Mixture]:
        """With every predictor on a branch of its own, under the first loss that all their scores take."""
        for loss in self.losses:
            mixture = dressed(self.parts, (base, *others), loss, self.open)
            if mixture is not None:
                yield mixture
                return

    def _keep(self, mixtures: Iterator[Mixture], reached: set[str]) -> None:
        for mixture in mixtures:
            reached |= mixture.names
            if mixture.pairs & self.open:
                self.open -= mixture.pairs
                self.found.append(mixture)

    def _names(self, base: Base) -> frozenset[str]:
        """What could stand together on a base, if every task and sampler fitted."""
        return base.names | self.late | {form.name for form in base.predictors}

    def _gain(
        self, names: frozenset[str], first: frozenset[str] = frozenset(), second: frozenset[str] = frozenset()
    ) -> int:
        """How many open pairs are among `names`; with `first`, one of a pair is there, and with `second` the other."""
        first, second = first or names, second or names
        return sum(
            (one in first and other in second) or (one in second and other in first)
            for one, other in self.open
            if one in names and other in names
        )


def _kind(signature: Signature) -> object:
    return signature.needs, signature.gives, signature.labels, signature.iterative
