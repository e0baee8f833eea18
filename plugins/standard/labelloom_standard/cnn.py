"""`standard/cnn`: convolutions over words, the strongest answer of each filter kept (Kim 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, States
from labelloom.interfaces.part import Encode
from labelloom_standard.config import CNNConfig
from labelloom_standard.pooling import masked_max
from labelloom_standard.vectors import prepare_words, start_vectors, word_embedding, word_reader
from labelloom_standard.words import WordReader


class CNN(Encoder):
    """Filters over windows of h words: c_i = relu(w . x_{i:i+h-1} + b), and of each filter the largest c_i (eq. 2-3).

    `document` (B, F), F filters of all windows, is the maximum over the windows that lie within the document. Of a
    document shorter than h words that is the one window that holds all of it, with zeros after.

    `tokens` (B, T, F) is what the filters say of the window around each word, with zeros beyond the document's ends.

    With `multichannel` each filter reads two copies of the vectors, one fixed, and the results are added (section 2).
    """

    reader: WordReader

    @classmethod
    def prepare(cls, config: CNNConfig, corpus: Corpus) -> Assets:
        """The words of the training split, and of no other."""
        return prepare_words(config, corpus)

    def __init__(self, config: CNNConfig, context: Context) -> None:
        super().__init__(config, context)
        self.reader = word_reader(context.assets, config)
        self.embedding = word_embedding(context.assets, config)
        self.fixed = word_embedding(context.assets, config).requires_grad_(False) if config.multichannel else None
        self.windows = nn.ModuleList(
            nn.Conv1d(self.embedding.embedding_dim, config.filters, size) for size in config.windows
        )
        self.dropout = nn.Dropout(config.dropout)
        self.word_dropout = nn.Dropout(config.word_dropout)
        width = config.filters * len(config.windows)
        self.widths = {"tokens": width, "document": width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The word vectors that the options ask for."""
        self.notes += start_vectors(self.embedding, self.config, self.reader.vocabulary.words, corpus)
        if self.fixed is not None:
            self.fixed.load_state_dict(self.embedding.state_dict())

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The words' vectors, then the filters."""
        return [[self.embedding], [self.windows]]

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document."""
        mask = batch.inputs["mask"]
        words = self.embedding(batch.inputs["ids"])  # (B, T, E)
        if self.fixed is not None:
            # A filter is linear: the sum of what it says of two channels is what it says of their sum.
            words = words + self.fixed(batch.inputs["ids"])
        words = self.word_dropout(words).masked_fill(~mask[..., None], 0).mT  # (B, E, T)
        length = mask.sum(1, keepdim=True)  # (B, 1)
        answers, strongest = [], []
        for size, convolution in zip(self.config.windows, self.windows, strict=True):
            before = (size - 1) // 2
            # Position t is the window of words t - before to t + size - 1 - before; at least one window is whole.
            padded = F.pad(words, (before, size - 1 - before + max(0, size - words.shape[2])))
            answer = F.relu(convolution(padded)).mT  # (B, max(T, size), filters)
            start = torch.arange(answer.shape[1], device=mask.device) - before  # of the window, in words
            whole = (start >= 0) & (start + size <= length.clamp(min=size)) & (length > 0)
            strongest.append(masked_max(answer, whole))
            answers.append(answer[:, : words.shape[2]])
        tokens = torch.cat(answers, -1).masked_fill(~mask[..., None], 0)  # (B, T, F)
        return states.add(tokens=tokens, token_mask=mask, document=self.dropout(torch.cat(strongest, -1)))
