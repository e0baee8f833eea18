"""`laco/cross-attention`: words weighted by how well they go with some label (Zhang et al. 2021 eq. 1-2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, LabelModule, States, masked_softmax
from labelloom_laco.config import CrossAttentionConfig

_DOCUMENT = 256
_MOST = 1 << 30
"""Bytes that the convolution of one document of `_DOCUMENT` words may take: a batch has many documents."""
_FEW = 8
"""Channels that are advised where as many as labels take too much."""


class CrossAttention(LabelModule):
    """Gives `document` c (B, H) from `tokens` H_D (B, T, H) and `labels` or `label_table` H_Y (B, n, K).

    M = H_D H_Y^T (B, T, n); a = max over channels and labels of ReLU(convolution of M); c = sum of tanh(a_i) h_i.
    Where widths differ labels are projected. Only the document's own words count: what stands at other positions
    changes nothing.
    """

    def __init__(self, config: CrossAttentionConfig, context: Context) -> None:
        super().__init__(config, context)
        width, label_width, count = context.width("tokens"), context.width("labels", "label_table"), len(context.labels)
        channels = config.channels or count
        _refuse_what_no_memory_holds(channels, count)
        self.project = nn.Identity() if label_width == width else nn.Linear(label_width, width)
        window = config.window
        size = (window, window) if config.convolution == "2d" else (window, 1)
        self.convolution = nn.Conv2d(1, channels, size)
        # An even window has no middle: one place more behind than before, as the authors' framework pads.
        before, behind = (window - 1) // 2, window // 2
        across = (before, behind) if config.convolution == "2d" else (0, 0)
        self.padding = (*across, before, behind)
        self.widths = {"document": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with document."""
        tokens, mask = states.first("tokens"), states.first("token_mask")
        labels = states.labels if states.labels is not None else states.first("label_table")(batch.label_ids)
        labels = self.project(labels)  # (1 or B, n, H)
        # What stands at other positions may be anything, NaN too.
        words = tokens.masked_fill(~mask[..., None], 0)
        if self.config.similarity == "cosine":
            words, labels = _unit(words), _unit(labels)
        compatible = words @ labels.mT  # (B, T, n), zero outside of the document
        found = self.convolution(F.pad(compatible[:, None], self.padding))  # (B, channels, T, n)
        weights = found.amax((1, 3)).relu()  # (B, T): the greatest of the ReLUs is the ReLU of the greatest
        return states.add(document=self._pooled(weights, words, mask))

    def _pooled(self, weights: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """(B, H) from weights (B, T) and words (B, T, H); zeros for a document without words."""
        if self.config.pooling == "softmax":
            return (masked_softmax(weights, mask)[:, None] @ words)[:, 0]
        weighted = weights.tanh()[..., None] * words  # zero outside of the document, as words are
        if self.config.pooling == "sum":
            return weighted.sum(1)
        lowest = torch.finfo(weighted.dtype).min
        highest = weighted.masked_fill(~mask[..., None], lowest).amax(1)
        return highest.masked_fill(~mask.any(1, keepdim=True), 0)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors (..., H) at length 1, zeros as they are."""
    # The default 1e-12 is 0 in fp16, and 0 / 0 is NaN.
    return F.normalize(vectors, dim=-1, eps=max(1e-12, torch.finfo(vectors.dtype).tiny))


def _refuse_what_no_memory_holds(channels: int, labels: int) -> None:
    """Raises ValueError, with the arithmetic, where the convolution of one document takes more than `_MOST` bytes."""
    each = 4 * _DOCUMENT * labels
    if channels * each <= _MOST:
        return
    fitting = min(_FEW, _MOST // each)
    raise ValueError(
        f"{channels} channels x {_DOCUMENT} words x {labels} labels x 4 bytes = {channels * each / 2**30:.1f} GiB for "
        "each document: " + (f"set channels = {fitting} or less" if fitting else "leave the cross attention out")
    )
