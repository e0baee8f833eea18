"""`maacf/ncf`: a perceptron over a text's and a label's vector (Wang et al. 2023 eq. 9)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, Predictor, States
from labelloom_maacf.config import NCFConfig

_HIDDEN = 256
_DROPOUT = 0.1


class CollaborativeFiltering(Predictor):
    """scores (B, C) = MLP([S ; H]), S a text's vector and H a label's, either of them in view of the other or not.

    The options name the two fields. The first layer's weight is W = [W_S | W_H], and W [S ; H] + b is W_S S + b plus
    W_H H: the first is computed once a document where S does not depend on the label, the second once a label where H
    does not depend on the document, and no concatenation is made.
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

    def text_side(self, states: States, batch: Batch) -> Tensor:
        """(B, 1 or C, hidden): W_S S + b, the text's part of the first layer; 1 where S is the same for all labels."""
        text: Tensor = states.get(self.config.text)
        weight = self.first.weight[:, : self.text_width]
        if text.dim() == 2:
            return batch.once(lambda: F.linear(text[:, None], weight, self.first.bias), self.path)
        return F.linear(_unrepeated(text, 1), weight, self.first.bias)

    def label_side(self, states: States, batch: Batch) -> Tensor:
        """(1 or B, C, hidden): W_H H, the label's part of the first layer; 1 where H is the same for all documents."""
        labels = states.get(self.config.label)
        weight = self.first.weight[:, self.text_width :]
        if callable(labels):
            return batch.once_for_labels(lambda: F.linear(labels(batch.label_ids), weight), self.path)
        return F.linear(_unrepeated(labels, 0), weight)

    def score(self, text: Tensor, label: Tensor) -> Tensor:
        """(B, C): the rest of the perceptron, of both sides' parts of the first layer."""
        values = text + label  # (B, C, hidden)
        for layer in self.rest:
            values = layer(self.dropout(values.relu()))
        return values[..., 0]


def _unrepeated(vectors: Tensor, dim: int) -> Tensor:
    """`vectors` with one entry in `dim` where all entries there are the very same memory, as `expand` makes them."""
    return vectors.narrow(dim, 0, 1) if vectors.stride(dim) == 0 else vectors
