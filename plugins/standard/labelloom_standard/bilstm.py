"""`standard/bilstm`: a bidirectional LSTM or GRU over the words of the training split."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, States, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_standard.attention import AttentionPooling
from labelloom_standard.config import BiLSTMConfig
from labelloom_standard.pooling import masked_max
from labelloom_standard.recurrent import BidirectionalRecurrent
from labelloom_standard.vectors import prepare_words, start_vectors, word_embedding, word_reader
from labelloom_standard.words import WordReader


class BiLSTM(Encoder):
    """`tokens` (B, T, 2 * hidden) are both directions' states of each word, `document` (B, 2 * hidden) is pooled."""

    reader: WordReader

    @classmethod
    def prepare(cls, config: BiLSTMConfig, corpus: Corpus) -> Assets:
        """The words of the training split, and of no other."""
        return prepare_words(config, corpus)

    def __init__(self, config: BiLSTMConfig, context: Context) -> None:
        super().__init__(config, context)
        self.reader = word_reader(context.assets, config)
        self.embedding = word_embedding(context.assets, config)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = BidirectionalRecurrent(
            config.cell, self.embedding.embedding_dim, config.hidden, config.layers, config.dropout
        )
        width = self.recurrent.width
        self.pool = AttentionPooling(width) if config.pooling == "attention" else None
        self.widths = {"tokens": width, "document": width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The word vectors that the options ask for."""
        self.notes += start_vectors(self.embedding, self.config, self.reader.vocabulary.words, corpus)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The words' vectors, then the recurrent layers, each with both directions."""
        pairs = zip(self.recurrent.forwards, self.recurrent.backwards, strict=True)
        return [[self.embedding], *map(list, pairs)]

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
