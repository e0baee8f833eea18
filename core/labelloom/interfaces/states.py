"""`States`: what flows through a model. Each part adds to it; nothing is ever changed in place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

LabelTable = Callable[[Tensor], Tensor]
"""Lookup of label vectors: ids (...) int64 -> (..., K)."""


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
    """

    tokens: Tensor | None = None
    token_mask: Tensor | None = None
    document: Tensor | None = None
    aspects: Tensor | None = None
    labels: Tensor | None = None
    label_table: LabelTable | None = None
    scores: Tensor | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def add(self, own: Mapping[str, Any] | None = None, **fields: Any) -> States:
        """These states with more fields; `own` are a bundle's own: `states.add({"mybundle.text": text}, labels=q)`."""
        return replace(self, **fields, extra={**self.extra, **own} if own else self.extra)

    def get(self, name: str) -> Any:
        """The field called `name`, a bundle's own included, or None."""
        return self.extra.get(name) if "." in name else getattr(self, name)

    def only(self, names: Collection[str]) -> States:
        """These states without any field but those called `names`; `token_mask` goes with `tokens`."""
        kept = {name: self.get(name) for name in (*names, *(["token_mask"] if "tokens" in names else []))}
        own = {name: value for name, value in kept.items() if "." in name and value is not None}
        return States(**{name: value for name, value in kept.items() if name in States.__dataclass_fields__}, extra=own)

    def first(self, *names: str) -> Any:
        """The first of these fields that is there: what a part with the need "a | b" calls."""
        return next(value for name in names if (value := self.get(name)) is not None)
