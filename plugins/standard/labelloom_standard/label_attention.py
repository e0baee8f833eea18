"""`standard/label-attention`: each label reads the document with an attention of its own."""

from __future__ import annotations

import torch
from torch import nn

from labelloom.interfaces import Batch, Context, LabelModule, States
from labelloom_standard.attention import attend
from labelloom_standard.config import LabelAttentionConfig


class LabelAttention(LabelModule):
    """Gives `labels` (B, C, H): for label k with query u_k, a = softmax_t(H u_k) and q_k = sum_t a_t h_t.

    Mullenbach et al. 2018 eq. 2-3 (CAML); Liu et al. 2020 eq. 5-6 (LW-LSTM). Only the labels under consideration are
    computed; memory follows B * C * T.
    """

    def __init__(self, config: LabelAttentionConfig, context: Context) -> None:
        super().__init__(config, context)
        width = context.width("tokens")
        self.queries = nn.Parameter(torch.empty(len(context.labels), width))
        nn.init.xavier_uniform_(self.queries)
        self.dropout = nn.Dropout(config.dropout)
        self.widths = {"labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with labels."""
        tokens, mask = states.first("tokens"), states.first("token_mask")
        scores = batch.look_up(self.queries) @ tokens.mT  # (B, C, T)
        return states.add(labels=self.dropout(attend(scores, tokens, mask)))
