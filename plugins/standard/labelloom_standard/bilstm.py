"""`standard/bilstm`: a bidirectional LSTM or GRU over the words of the training split."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, States, masked_mean
from labelloom_standard.attention import AttentionPooling
from labelloom_standard.config import BiLSTMConfig
from labelloom_standard.recurrent import BidirectionalRecurrent
from labelloom_standard.words import Vocabulary, WordReader, count_words, word_embedding


class BiLSTM(Encoder):
    """`tokens` (B, T, 2 * hidden) are both directions' states of each word, `document` (B, 2 * hidden) is pooled."""

    @classmethod
    def prepare(cls, config: BiLSTMConfig, corpus: Corpus) -> Assets:
        """The words of the training split, and of no other."""
        return {"words": count_words(corpus.train.texts, config.min_count, config.max_words)}

    def __init__(self, config: BiLSTMConfig, context: Context) -> None:
        super().__init__(config, context)
        vocabulary = Vocabulary(cast("list[str]", context.assets["words"]))
        self.reader = WordReader(vocabulary, config.max_length)
        self.embedding = word_embedding(vocabulary, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = BidirectionalRecurrent(
            config.cell, config.embedding, config.hidden, config.layers, config.dropout
        )
        width = self.recurrent.width
        self.pool = AttentionPooling(width) if config.pooling == "attention" else None
        self.widths = {"tokens": width, "document": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document."""
        mask = batch.inputs["mask"]
        words = self.dropout(self.embedding(batch.inputs["ids"]))  # (B, T, embedding)
        tokens = self.recurrent(words, mask)  # (B, T, 2 * hidden)
        return states.add(tokens=tokens, token_mask=mask, document=self._document(tokens, mask))

    def _document(self, tokens: Tensor, mask: Tensor) -> Tensor:
        if self.pool is not None:
            return self.pool(tokens, mask)
        return masked_mean(tokens, mask) if self.config.pooling == "mean" else masked_max(tokens, mask)


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """(B, H): the maximum of (B, T, H) over the positions of `mask` (B, T); zero for a row without any."""
    highest = values.masked_fill(~mask[..., None], torch.finfo(values.dtype).min).amax(1)
    return highest.masked_fill(~mask.any(1, keepdim=True), 0)
