"""`clmil/dilated-gated-cnn`: the coarse view of a document (Li et al. 2023 section 3.3.1, eq. 6-7)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, LabelModule, States
from labelloom_clmil.config import DilatedGatedConfig
from labelloom_standard.pooling import masked_max


class DilatedGatedCNN(LabelModule):
    """Gives `document` (B, W) from `tokens` (B, T, H), for n layers of the width W and products number by number:

        H_i = H_(i-1) (1 - g) + Conv_1(H_(i-1)) g with g = sigmoid(Conv_2(H_(i-1)))     (eq. 6)
        document = max over words of Conv([MultiHead(H_n); H_n])                        (eq. 7)

    H_0 are the tokens, or what a matrix makes of them where W differs from H. Both convolutions of a layer have its
    dilation. Only the document's own words count: beyond them every layer reads zeros, the attention and the maximum
    nothing. A document without words gets zeros.
    """

    def __init__(self, config: DilatedGatedConfig, context: Context) -> None:
        super().__init__(config, context)
        given = context.width("tokens")
        width = config.width or given
        # Without a bias zeros stay zeros.
        self.project = nn.Identity() if width == given else nn.Linear(given, width, bias=False)
        self.layers = nn.ModuleList(
            _gated_layer(width, config.kernel, dilation, config.gate_bias) for dilation in config.dilations
        )
        self.dropout = nn.Dropout(config.gate_dropout)
        self.attention = SelfAttention(width, config.heads, config.head_width)
        self.convolution = nn.Conv1d(2 * width, width, config.kernel, padding=config.kernel // 2)
        self.widths = {"document": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with document."""
        tokens, mask = states.first("tokens"), states.first("token_mask")
        outside = ~mask[:, None]  # (B, 1, T)
        # What stands at other positions may be anything, NaN too.
        words = self.project(tokens.masked_fill(~mask[..., None], 0)).mT.contiguous()  # (B, W, T)
        for layer in self.layers:
            made, gate = layer(words).chunk(2, 1)
            # Outside of the document the gates are shut, so that the zeros there stay.
            gate = self.dropout(gate).sigmoid().masked_fill(outside, 0)
            words = words + gate * (made - words)
        found = self.attention(words.mT, mask).mT.masked_fill(outside, 0)
        answers = self.convolution(torch.cat([found, words], 1))
        if self.config.activation == "relu":
            answers = answers.relu()
        return states.add(document=masked_max(answers.mT, mask))


class SelfAttention(nn.Module):
    """Scaled attention of each word to all of its document in several heads (Vaswani et al. 2017 section 3.2)."""

    def __init__(self, width: int, heads: int | None, head_width: int) -> None:
        super().__init__()
        self.heads = heads or max(1, round(width / head_width))
        self.qkv = nn.Linear(width, 3 * self.heads * head_width)
        self.out = nn.Linear(self.heads * head_width, width)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """(B, T, W) of (B, T, W) and (B, T) bool; no word attends to what lies outside of the document."""
        # Where there is no word, all positions are read, since a softmax over nothing is NaN.
        read = mask | ~mask.any(1, keepdim=True)
        query, key, value = self.qkv(words).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value, read[:, None, None])  # (B, heads, T, head_width)
        return cast(Tensor, self.out(found.transpose(1, 2).flatten(2)))


def _gated_layer(width: int, kernel: int, dilation: int, gate_bias: float) -> nn.Conv1d:
    """Conv_1 and Conv_2 of eq. 6 as one, the first `width` channels and the others: one product instead of two.

    Each layer keeps about 1 - g of what comes in, so that with gates half open next to nothing of the words would pass
    15 of them, and as little of the gradient. They therefore start nearly shut, as in the highway networks whose layer
    this is (Srivastava et al. 2015 eq. 3 and section 2.2).
    """
    layer = nn.Conv1d(width, 2 * width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
    assert layer.bias is not None
    nn.init.constant_(layer.bias[width:], gate_bias)
    return layer
