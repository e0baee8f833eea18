"""`States`: what flows through a model. Each part adds to it; nothing is ever changed in place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from torch import Tensor

from labelloom.interfaces.mixture import Mixture

LabelTable = Callable[[Tensor], Tensor]
"""Lookup of label vectors: ids (...) int64 -> (..., K)."""


class _Made:
    """A field that may be set to a `Mixture` and then reads as the tensor, which is made when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, states: None, owner: type) -> None: ...
    @overload
    def __get__(self, states: States, owner: type) -> Tensor | None: ...
    def __get__(self, states: States | None, owner: type) -> Tensor | None:
        return None if states is None else _made(vars(states)[self._name])  # None is the field's default

    def __set__(self, states: States, value: Tensor | Mixture | None) -> None:
        vars(states)[self._name] = value


def _made(value: Any) -> Any:
    return value.made if isinstance(value, Mixture) else value


@dataclass(frozen=True)
class States:
    """The fields of one batch of B documents with C labels under consideration.

    tokens       (B, T, H)   states of the document's own words or pieces
    token_mask   (B, T) bool  which positions are words: no special, label or padding position counts
    document     (B, D)      one vector a document
    aspects      (B, A, D)   several views of one document
    labels       (B, C, K)   one vector a label, in view of the document
    label_table  ids (...) -> (..., K), one vector a label, the same for every document, for any label
    scores       (B, C)      what the predictor says: logits, or any real number that ranks
    extra        a bundle's own fields by name, "mybundle.text"; their axes stand in the record that gives them

    `tokens`, `document` and `aspects` do not depend on which labels are under consideration, unless a part whose
    record says labels="all" made them.

    `labels`, and a bundle's own field with the axes BCK, may be given as a `Mixture`. It reads as the tensor all the
    same, which is made when it is first read; `mixture` gives what it is made of.
    """

    tokens: Tensor | None = None
    token_mask: Tensor | None = None
    document: Tensor | None = None
    aspects: Tensor | None = None
    labels: _Made = _Made()
    label_table: LabelTable | None = None
    scores: Tensor | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def add(self, own: Mapping[str, Any] | None = None, **fields: Any) -> States:
        """These states with more fields; `own` are a bundle's own: `states.add({"mybundle.text": text}, labels=q)`."""
        return States(**{**vars(self), **fields, "extra": {**self.extra, **own} if own else self.extra})

    def get(self, name: str) -> Any:
        """The field called `name`, a bundle's own included, or None."""
        return _made(self._given(name))

    def mixture(self, name: str) -> Mixture | None:
        """What the field called `name` is mixed of, or None where it was not given so."""
        value = self._given(name)
        return value if isinstance(value, Mixture) else None

    def _given(self, name: str) -> Any:
        return self.extra.get(name) if "." in name else vars(self)[name]

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor that is held, those of mixtures too."""
        for value in (*vars(self).values(), *self.extra.values()):
            parts = (value.weights, value.vectors, value.base) if isinstance(value, Mixture) else (value,)
            yield from (part for part in parts if isinstance(part, Tensor))

    def only(self, names: Collection[str]) -> States:
        """These states without any field but those called `names`; `token_mask` goes with `tokens`."""
        kept = {name: self._given(name) for name in (*names, *(["token_mask"] if "tokens" in names else []))}
        own = {name: value for name, value in kept.items() if "." in name and value is not None}
        return States(**{name: value for name, value in kept.items() if name in States.__dataclass_fields__}, extra=own)

    def first(self, *names: str) -> Any:
        """The first of these fields that is there: what a part with the need "a | b" calls."""
        return next(value for name in names if (value := self.get(name)) is not None)
