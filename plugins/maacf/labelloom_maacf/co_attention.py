"""`maacf/co-attention`: a document's aspects, as each label weighs them (Wang et al. 2023 section 3.2.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, LabelModule, Mixture, States
from labelloom_maacf.aspects import aspects_of, compared, to_aspects
from labelloom_maacf.config import CoAttentionConfig


class CoAttention(LabelModule):
    """Gives `maacf.text` S (B, C, D) from `aspects` s (B, n, D) and the labels' vectors H^z in `label_table`.

    a_n = softmax_n(H^z_i . s_n), S_i = sum_n a_n s_n: a mixture of the document's aspects. In MCF+
    a_n = softmax_n(w_n . s_n + b_n), whatever the label. The only aspect, where there is one, is S as it is.
    """

    def __init__(self, config: CoAttentionConfig, context: Context) -> None:
        super().__init__(config, context)
        count, width = aspects_of(context)
        self.project: nn.Module | None = None
        self.judge: nn.Linear | None = None
        if count > 1 and config.attention == "cross":
            self.project = to_aspects(context)
        elif count > 1:
            self.judge = nn.Linear(width, count)  # w_n, b_n
        self.widths = {"maacf.text": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with maacf.text."""
        aspects: Tensor = states.first("aspects")
        if self.project is not None:
            project, table = self.project, states.first("label_table")
            labels = batch.once_for_labels(lambda: project(table(batch.label_ids)), self.path)  # (1 or B, C, D)
            weights = compared(aspects, labels).softmax(1)  # (B, n, C)
            return states.add({"maacf.text": Mixture(weights, aspects[:, :, None], side="document")})
        text = batch.once(lambda: self._whatever_the_label(aspects), self.path)  # (B, D)
        return states.add({"maacf.text": text[:, None].expand(-1, batch.label_ids.shape[1], -1)})

    def _whatever_the_label(self, aspects: Tensor) -> Tensor:
        """(B, D)."""
        if self.judge is None:
            return aspects[:, 0]
        weights = (torch.einsum("bnd,nd->bn", aspects, self.judge.weight) + self.judge.bias).softmax(1)
        return (weights[:, None] @ aspects)[:, 0]
