"""`lwpt/lw-lstm`: a BiLSTM over words, and one attention a label (Liu et al. 2020 section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, States, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_lwpt.config import LabelWiseLSTMConfig
from labelloom_lwpt.queries import LabelQueries
from labelloom_lwpt.recurrent import NormalisedRecurrent
from labelloom_standard.attention import attend
from labelloom_standard.vectors import prepare_words, start_vectors, word_embedding, word_reader
from labelloom_standard.words import WordReader


class LabelWiseLSTM(Encoder):
    """H = BiLSTM(D) (eq. 4), alpha_k = softmax_t(H U_k) (eq. 5), Q_k = alpha_k^T H (eq. 6), with d = `hidden`.

    Gives `tokens` H (B, T, 2d), `labels` Q (B, C, 2d) and `document` (B, 2d), the mean of H, which no label enters.
    Only the labels under consideration are computed. A document without words gets zeros.
    """

    reader: WordReader

    @classmethod
    def prepare(cls, config: LabelWiseLSTMConfig, corpus: Corpus) -> Assets:
        """The words of the training split, and of no other."""
        return prepare_words(config, corpus)

    def __init__(self, config: LabelWiseLSTMConfig, context: Context) -> None:
        super().__init__(config, context)
        self.reader = word_reader(context.assets, config)
        self.embedding = word_embedding(context.assets, config)
        self.words = NormalisedRecurrent(config, self.embedding.embedding_dim)
        width = self.words.width
        self.queries = LabelQueries(len(context.labels), width)
        self.widths = {"tokens": width, "document": width, "labels": width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The word vectors that the options ask for."""
        self.notes += start_vectors(self.embedding, self.config, self.reader.vocabulary.words, corpus)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The words' vectors, then the recurrent layers."""
        return [[self.embedding], *self.words.rate_layers()]

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask, document and labels."""
        mask = batch.inputs["mask"]
        tokens = self.words(self.embedding(batch.inputs["ids"]), mask)  # (B, T, 2d)
        scores = self.queries(batch) @ tokens.mT  # (B, C, T)
        return states.add(
            tokens=tokens,
            token_mask=mask,
            document=masked_mean(tokens, mask),
            labels=attend(scores, tokens, mask),
        )
