"""`Mixture`: a vector for each document and label that is a sum of few, weighted for each such pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import chain
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from labelloom.interfaces.batch import Batch


@dataclass(frozen=True)
class Mixture:
    """A field (B, C, K) as what it is mixed of: base + sum_a weights_a vectors_a.

    weights  (B, A, C): of A vectors, for each document and label
    vectors  (B, A, 1, K) of `side` "document", which are the same for all labels; (1 or B, A, C, K) of `side` "label",
             which follow from `batch.label_ids` alone
    base     as `vectors` without A: what each has with a weight of 1. None for nothing
    side     what the vectors follow from

    A part that puts a linear layer on such a field applies it `through` to the vectors, of which there are fewer than
    pairs of a document and a label. Any other reads the field as ever: `States` makes the sum when it is asked for.

    Raises ValueError for vectors or a base of other shapes: what `side` says decides what rankings keep.
    """

    weights: Tensor
    vectors: Tensor
    side: Literal["document", "label"]
    base: Tensor | None = None

    def __post_init__(self) -> None:
        weights, vectors = tuple(self.weights.shape), tuple(self.vectors.shape)
        if len(weights) != 3:
            raise ValueError(f"the weights of a mixture are (B, A, C), not of the shape {weights}")
        documents, count, labels = weights
        rows, places = ((documents,), 1) if self.side == "document" else ((1, documents), labels)
        told = f"a mixture with weights {weights} of vectors of side {self.side!r}"
        if len(vectors) != 4 or vectors[0] not in rows or vectors[1:3] != (count, places):
            wanted = f"({' or '.join(map(str, rows))}, {count}, {places}, K)"
            raise ValueError(f"{told} needs vectors of the shape {wanted}, not {vectors}")
        base = None if self.base is None else tuple(self.base.shape)
        if base is not None and (base[0] not in (1, documents) or base[1:] != (places, vectors[3])):
            raise ValueError(f"{told} needs a base of the shape (1 or {documents}, {places}, {vectors[3]}), not {base}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, C, K) of the sum."""
        return self.weights.shape[0], self.weights.shape[2], self.vectors.shape[3]

    @property
    def made(self) -> Tensor:
        """(B, C, K): the sum, which is kept. Made without a gradient, it is made anew where one is wanted."""
        kept: tuple[Tensor, bool] | None = vars(self).get("_kept")
        if kept is None or (torch.is_grad_enabled() and not kept[1]):
            kept = vars(self)["_kept"] = added(self), torch.is_grad_enabled()
        return kept[0]

    @property
    def shared(self) -> bool:
        """Whether a vector stands for more than one pair: for all labels, or for all documents."""
        return self.side == "document" or len(self.vectors) == 1

    def through(self, weight: Tensor, bias: Tensor | None, batch: Batch, *key: object) -> Mixture:
        """This field times `weight` (H, K), plus `bias` (H,) or None: a mixture of vectors that are multiplied already.

        What is multiplied is kept as `Batch.once` and `Batch.once_for_labels` keep it, under `key`.
        """
        keep = batch.once if self.side == "document" else batch.once_for_labels
        vectors, base = keep(lambda: (F.linear(self.vectors, weight), self._base_through(weight, bias)), *key)
        return Mixture(self.weights, vectors, self.side, base)

    def _base_through(self, weight: Tensor, bias: Tensor | None) -> Tensor | None:
        if self.base is not None:
            return F.linear(self.base, weight, bias)
        return None if bias is None else bias.expand(1, self.vectors.shape[2], -1)

    def at(self, labels: Tensor | slice) -> Mixture:
        """The mixture for these places of its C labels, in their order."""
        of_labels = self.side == "label"
        vectors = self.vectors[:, :, labels] if of_labels else self.vectors
        base = self.base[:, labels] if of_labels and self.base is not None else self.base
        return Mixture(self.weights[..., labels], vectors, self.side, base)


def added(*terms: Tensor | Mixture, into: Tensor | None = None) -> Tensor:
    """(B, C, K): the sum of two or more tensors that broadcast to it, of mixtures, or of both.

    It is made in new memory, or where no gradient is wanted in that of `into`, a tensor that is needed no more: for
    one small sum after the other, new memory may take longer than the sums.
    The vectors come one after the other: a product with so short a sum within costs more than these passes, which are
    bound by memory.
    """
    products: list[tuple[Tensor, Tensor]] = []
    plain: list[Tensor] = []
    for term in terms:
        if isinstance(term, Mixture):
            pairs = zip(term.weights.unbind(1), term.vectors.unbind(1), strict=True)
            products += [(weight[..., None], vector) for weight, vector in pairs]
            plain += [] if term.base is None else [term.base]
        else:
            plain.append(term)
    if not products:
        return sum(plain[2:], torch.add(plain[0], plain[1], out=into))
    # What follows is added in place, and would be rounded to the type of what is there.
    widest = reduce(torch.promote_types, (one.dtype for one in chain(plain, *products)))
    (weight, vector), *others = products
    weight = weight.to(widest)
    total = torch.addcmul(plain[0], weight, vector, out=into) if plain else torch.mul(weight, vector, out=into)
    for term in plain[1:]:
        total = total.add_(term)
    for weight, vector in others:
        total = total.addcmul_(weight, vector)
    return total
