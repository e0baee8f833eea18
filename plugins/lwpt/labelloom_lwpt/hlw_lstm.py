"""`lwpt/hlw-lstm`: label-wise attention over words, then over sentences (Liu et al. 2020 section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, States, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_lwpt.config import HierarchicalConfig
from labelloom_lwpt.layout import Layout, lay_out
from labelloom_lwpt.queries import LabelQueries
from labelloom_lwpt.recurrent import NormalisedRecurrent
from labelloom_lwpt.sentences import SentenceReader
from labelloom_standard.attention import attend
from labelloom_standard.vectors import prepare_words, start_vectors, word_embedding
from labelloom_standard.words import Vocabulary


class HierarchicalLabelWiseLSTM(Encoder):
    """For label k, with d = `hidden`:

        H_j = BiLSTM(D_j), S_kj = softmax_t(H_j U_k^w)^T H_j, the vector of sentence j      (eq. 7-9)
        H_k = BiLSTM(S_k), Q_k = softmax_j(H_k U_k^s)^T H_k                                 (eq. 10-12)

    The first BiLSTM runs once a sentence, the second once a label and document, with weights that labels share; of the
    sentence attention only each label's own row is computed. Only the labels under consideration are.

    Gives `tokens` (B, W, 2d), the states H of the words that are read, one sentence behind the other; `labels` Q
    (B, C, 2d); `document` (B, 2d), the mean of the tokens, which no label enters. A document without words gets zeros.
    Time and memory follow labels times sentences.
    """

    reader: SentenceReader

    @classmethod
    def prepare(cls, config: HierarchicalConfig, corpus: Corpus) -> Assets:
        """The words of the training split, and of no other."""
        return prepare_words(config, corpus)

    def __init__(self, config: HierarchicalConfig, context: Context) -> None:
        super().__init__(config, context)
        vocabulary = Vocabulary(cast("list[str]", context.assets["words"]))
        self.reader = SentenceReader(
            vocabulary, config.splitter, config.sentences, config.max_sentences, config.max_length
        )
        self.embedding = word_embedding(context.assets, config)
        self.words = NormalisedRecurrent(config, self.embedding.embedding_dim)
        width = self.words.width
        self.word_queries = LabelQueries(len(context.labels), width)
        self.sentences = NormalisedRecurrent(config, width)
        self.sentence_queries = LabelQueries(len(context.labels), width)
        self.widths = {"tokens": width, "document": width, "labels": width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The word vectors that the options ask for."""
        self.notes += start_vectors(self.embedding, self.config, self.reader.vocabulary.words, corpus)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The words' vectors, then the recurrent layers over words, then those over sentences."""
        return [[self.embedding], *self.words.rate_layers(), *self.sentences.rate_layers()]

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask, document and labels."""
        layout, mask = lay_out(batch.inputs), batch.inputs["mask"]
        words = self.words(self.embedding(layout.ids), layout.mask)  # (N, T, 2d)
        tokens = words.flatten(0, 1).index_select(0, layout.word.flatten()).view(*mask.shape, -1)
        tokens = tokens.masked_fill(~mask[..., None], 0)  # (B, W, 2d)
        sentences = self._read_words(words, layout, self.word_queries(batch))
        return states.add(
            tokens=tokens,
            token_mask=mask,
            document=masked_mean(tokens, mask),
            labels=self._read_sentences(sentences, layout, self.sentence_queries(batch)),
        )

    def _read_words(self, words: Tensor, layout: Layout, queries: Tensor) -> Tensor:
        """S (N, C, 2d) of words (N, T, 2d), asked by queries (1 or B, C, 2d)."""
        own = queries if len(queries) == 1 else queries[layout.document]  # (1 or N, C, 2d)
        return attend(own @ words.mT, words, layout.mask)

    def _read_sentences(self, sentences: Tensor, layout: Layout, queries: Tensor) -> Tensor:
        """Q (B, C, 2d) of sentences (N, C, 2d), asked by queries (1 or B, C, 2d)."""
        documents, most = layout.sentence.shape
        count = sentences.shape[1]
        # Labels come before documents, so that S_k of every document lie together: (C, N, 2d) to (C * B, M, 2d).
        grid = sentences.transpose(0, 1).index_select(1, layout.sentence.flatten()).view(-1, most, self.words.width)
        mask = layout.sentence_mask.repeat(count, 1)  # (C * B, M)
        states = self.sentences(grid, mask)  # (C * B, M, 2d)
        own = queries.transpose(0, 1).expand(count, documents, -1).reshape(len(grid), 1, -1)
        found = attend(own @ states.mT, states, mask)  # (C * B, 1, 2d)
        return found.view(count, documents, -1).transpose(0, 1)
