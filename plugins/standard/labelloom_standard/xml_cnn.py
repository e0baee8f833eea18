"""`standard/xml-cnn`: convolutions over words, the strongest answers of each part of the document (Liu et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, States
from labelloom.interfaces.part import Encode
from labelloom_standard.config import XMLCNNConfig
from labelloom_standard.pooling import masked_chunk_max
from labelloom_standard.vectors import prepare_words, start_vectors, word_embedding, word_reader
from labelloom_standard.words import WordReader


class XMLCNN(Encoder):
    """Filters over windows of words, dynamic max pooling and a bottleneck (Liu et al. 2017 section 3).

    A filter answers c_i = relu(v . x + b) to the window around each of a document's m words, with zeros beyond its
    ends. Dynamic max pooling cuts c_1 ... c_m into p chunks and keeps the largest of each, so it is told where in a
    document a filter answered, in p places however long the document is.

    `document` (B, bottleneck) is relu(W P + b) of the p maxima P of every filter. `tokens` (B, T, F) is what the F
    filters of all windows say, before pooling.
    """

    reader: WordReader

    @classmethod
    def prepare(cls, config: XMLCNNConfig, corpus: Corpus) -> Assets:
        """The words of the training split, and of no other."""
        return prepare_words(config, corpus)

    def __init__(self, config: XMLCNNConfig, context: Context) -> None:
        super().__init__(config, context)
        self.reader = word_reader(context.assets, config)
        self.embedding = word_embedding(context.assets, config)
        self.windows = nn.ModuleList(
            nn.Conv1d(self.embedding.embedding_dim, config.filters, size) for size in config.windows
        )
        filters = config.filters * len(config.windows)
        self.bottleneck = nn.Linear(filters * config.chunks, config.bottleneck)
        self.dropout = nn.Dropout(config.dropout)
        self.word_dropout = nn.Dropout(config.word_dropout)
        self.widths = {"tokens": filters, "document": config.bottleneck}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The word vectors that the options ask for."""
        self.notes += start_vectors(self.embedding, self.config, self.reader.vocabulary.words, corpus)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The words' vectors, the filters, the bottleneck."""
        return [[self.embedding], [self.windows], [self.bottleneck]]

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document."""
        mask = batch.inputs["mask"]
        words = self.word_dropout(self.embedding(batch.inputs["ids"]))
        words = words.masked_fill(~mask[..., None], 0).mT  # (B, E, T)
        answers = []
        for size, convolution in zip(self.config.windows, self.windows, strict=True):
            before = (size - 1) // 2
            # Position t is the window of words t - before to t + size - 1 - before.
            answers.append(F.relu(convolution(F.pad(words, (before, size - 1 - before)))).mT)
        tokens = torch.cat(answers, -1).masked_fill(~mask[..., None], 0)  # (B, T, F)
        strongest = masked_chunk_max(tokens, mask, self.config.chunks)  # (B, p, F)
        document = F.relu(self.bottleneck(strongest.flatten(1)))
        return states.add(tokens=tokens, token_mask=mask, document=self.dropout(document))
