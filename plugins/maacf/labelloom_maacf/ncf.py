"""`maacf/ncf`: a perceptron over a text's and a label's vector (Wang et al. 2023 eq. 9)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, Mixture, Predictor, States, added
from labelloom_maacf.config import NCFConfig

_HIDDEN = 256
_DROPOUT = 0.1
_AT_ONCE = 1 << 18
"""Numbers after the first layer that are made at once where a CPU only scores: 1 MiB, which stays in a core's cache."""

Side = Tensor | Mixture
"""A side's part of the first layer: (1 or B, 1 or C, hidden), or what that is mixed of."""


class CollaborativeFiltering(Predictor):
    """scores (B, C) = MLP([S ; H]), S a text's vector and H a label's, either of them in view of the other or not.

    The options name the two fields. The first layer's weight is W = [W_S | W_H], and W [S ; H] + b is W_S S plus
    W_H H + b: the one is computed once a document where S does not depend on the label, the other once a label where H
    does not depend on the document, and no concatenation is made. Where S or H is a mixture of vectors that are a
    document's or a label's alone, the layer is applied to these: sum_n a_n (W_S s_n), and neither S nor H is made.
    """

    def __init__(self, config: NCFConfig, context: Context) -> None:
        super().__init__(config, context)
        self.text_width = context.width(config.text)
        hidden = config.hidden or _HIDDEN
        widths = [*(hidden, (hidden + 1) // 2)[: config.layers - 1], 1]  # of what each layer gives
        self.first = nn.Linear(self.text_width + context.width(config.label), widths[0])
        self.rest = nn.ModuleList(map(nn.Linear, widths[:-1], widths[1:]))
        self.dropout = nn.Dropout(_DROPOUT if config.dropout is None else config.dropout)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores."""
        return states.add(scores=self.score(self.text_side(states, batch), self.label_side(states, batch)))

    def text_side(self, states: States, batch: Batch) -> Side:
        """W_S S, the text's part of the first layer; of one label where S is the same for all."""
        weight = self.first.weight[:, : self.text_width]
        mixture = states.mixture(self.config.text)
        if mixture is not None and mixture.shared:
            return mixture.through(weight, None, batch, self.path, "text")
        text: Tensor = states.get(self.config.text)
        if text.dim() == 2:
            return batch.once(lambda: F.linear(text[:, None], weight), self.path)
        return F.linear(_unrepeated(text, 1), weight)

    def label_side(self, states: States, batch: Batch) -> Side:
        """W_H H + b, the label's part of the first layer; of one document where H is the same for all."""
        weight, bias = self.first.weight[:, self.text_width :], self.first.bias
        mixture = states.mixture(self.config.label)
        if mixture is not None and mixture.shared:
            return mixture.through(weight, bias, batch, self.path, "label")
        labels = states.get(self.config.label)
        if callable(labels):
            return batch.once_for_labels(lambda: F.linear(labels(batch.label_ids), weight, bias), self.path)
        return F.linear(_unrepeated(labels, 0), weight, bias)

    def score(self, text: Side, label: Side) -> Tensor:
        """(B, C): the rest of the perceptron, of both sides' parts of the first layer."""
        documents, labels = (max(text.shape[axis], label.shape[axis]) for axis in (0, 1))
        width = max(1, _AT_ONCE // (documents * self.first.out_features))
        whole = torch.is_grad_enabled() or self.first.weight.device.type != "cpu" or not self.rest
        if whole or width >= labels:
            return self._rest(added(label, text))
        scores: list[Tensor] = []
        values: Tensor | None = None
        for start in range(0, labels, width):
            part = slice(start, start + width)
            into = values if start + width <= labels else None
            values = added(_at(label, part), _at(text, part), into=into)
            scores.append(self._rest(values))
        return torch.cat(scores, 1)

    def _rest(self, values: Tensor) -> Tensor:
        """(B, C): the layers after the first, whose `values` (B, C, hidden) they overwrite."""
        for layer in self.rest:
            values = layer(self.dropout(values.relu_()))
        return values[..., 0]


def _at(side: Side, labels: slice) -> Side:
    """What it is for these places of its labels."""
    if isinstance(side, Mixture):
        return side.at(labels)
    return side if side.shape[1] == 1 else side[:, labels]


def _unrepeated(vectors: Tensor, dim: int) -> Tensor:
    """`vectors` with one entry in `dim` where all entries there are the very same memory, as `expand` makes them."""
    return vectors.narrow(dim, 0, 1) if vectors.stride(dim) == 0 else vectors
