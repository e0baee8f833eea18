"""The parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from standin_common import WordReader, contrast, words_of
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from labelloom.data.corpus import Corpus
from labelloom.interfaces import (
    Assets,
    Batch,
    Context,
    Encoder,
    LabelModule,
    Loss,
    Predictor,
    Reader,
    SharedReader,
    States,
    Targets,
    Task,
    Widths,
    masked_mean,
    masked_softmax,
    pad,
    stable_digest,
)


class BiLSTM(nn.Module):
    """Both directions' states; a row of any length gets the same ones in any batch."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.network = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.network(packed)[0], batch_first=True, total_length=mask.shape[1])[0]


class LabelWiseLSTM(Encoder):
    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        return {"words": words_of(corpus)}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        words, width = context.assets["words"], 2 * config.hidden
        self.reader: Reader = WordReader(words, 60)
        self.embedding = nn.Embedding(len(words) + 1, config.hidden)
        self.dropout = nn.Dropout(0.2)
        self.lstm = BiLSTM(config.hidden, config.hidden)
        self.queries = nn.Parameter(torch.randn(len(context.labels), width))
        self.widths = {"tokens": width, "document": width, "labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        mask = batch.inputs["mask"]
        tokens = self.lstm(self.dropout(self.embedding(batch.inputs["ids"])), mask)
        scores = self.queries[batch.label_ids] @ tokens.mT  # (B, C, T)
        labels = masked_softmax(scores, mask[:, None]) @ tokens  # (B, C, K): only the labels asked about
        return states.add(tokens=tokens, token_mask=mask, document=masked_mean(tokens, mask), labels=labels)


class SentenceReader(Reader):
    """Cuts texts at full stops, then at white space; empty sentences are dropped."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = WordReader(words, 60)
        self.key = stable_digest("standin/sentences", self.words.key)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        ids = [[row for row in self.words.tokenize(text.split("."))["ids"] if row] or [[0]] for text in texts]
        return {"ids": ids, "length": [max(map(len, rows)) * len(rows) for rows in ids]}

    def collate(self, rows: Sequence[Any]) -> dict[str, Any]:
        sentences = [sentence for row in rows for sentence in row["ids"]]
        ids, mask = pad(sentences)
        places, there = pad([range(len(row["ids"])) for row in rows])
        starts = torch.tensor([0, *(len(row["ids"]) for row in rows[:-1])]).cumsum(0)
        places = places + starts[:, None]
        return {"ids": ids[places] * there[..., None], "mask": mask[places] & there[..., None] & (ids[places] > 0)}


class HierarchicalLSTM(Encoder):
    """Words to a sentence vector a label, then sentences to a document vector a label."""

    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        return {"words": words_of(corpus)}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        words, width = context.assets["words"], 2 * config.hidden
        self.reader: Reader = SentenceReader(words)
        self.embedding = nn.Embedding(len(words) + 1, config.hidden)
        self.dropout = nn.Dropout(0.2)
        self.words = BiLSTM(config.hidden, config.hidden)
        self.sentences = BiLSTM(width, config.hidden)
        self.word_queries = nn.Parameter(torch.randn(len(context.labels), width))
        self.sentence_queries = nn.Parameter(torch.randn(len(context.labels), width))
        self.widths = {"tokens": width, "document": width, "labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        ids, mask = batch.inputs["ids"], batch.inputs["mask"]  # (B, S, T)
        count, sentences = ids.shape[:2]
        words = self.dropout(self.embedding(ids)).flatten(0, 1)
        tokens = self.words(words, mask.flatten(0, 1)).unflatten(0, (count, sentences))  # (B, S, T, H)
        scores = self.word_queries[batch.label_ids][:, None] @ tokens.mT  # (B, S, C, T)
        vectors = masked_softmax(scores, mask[:, :, None]) @ tokens  # (B, S, C, H)
        there = mask.any(-1)[:, None].expand(-1, vectors.shape[2], -1)  # (B, C, S)
        states_ = self.sentences(vectors.transpose(1, 2).flatten(0, 1), there.flatten(0, 1))
        states_ = states_.unflatten(0, there.shape[:2])  # (B, C, S, H): only label k reads what label k wrote
        weights = masked_softmax((states_ * self.sentence_queries[batch.label_ids][:, :, None]).sum(-1), there)
        flat, flat_mask = tokens.flatten(1, 2), mask.flatten(1, 2)
        return states.add(
            tokens=flat,
            token_mask=flat_mask,
            document=masked_mean(flat, flat_mask),
            labels=(weights[:, :, None] @ states_)[:, :, 0],
        )


class Paired(Encoder):
    """Rows with the role target through one encoder, candidate through the other, others through both."""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.target = context.parts["target"](context.widths)
        self.candidate = context.parts["candidate"](context.widths)
        widths = self.target.widths["labels"], self.candidate.widths["labels"]
        if widths[0] != widths[1]:
            raise ValueError(f"its encoders must give labels of one width, not {widths[0]} and {widths[1]}")
        self.width = widths[0]
        self.reader = SharedReader({"target": self.target.reader, "candidate": self.candidate.reader})
        self.widths = {"labels": 2 * self.width}

    def widths_with(self, roles: frozenset[str]) -> Widths:
        return {"labels": self.width} if roles & {"target", "candidate"} else self.widths

    def forward(self, states: States, batch: Batch) -> States:
        parts = {name: cast(LabelModule, getattr(self, name)) for name in ("target", "candidate")}
        places = {name: batch.where(name) for name in parts}
        if not any(len(place) for place in places.values()):
            both = [part(states, batch.with_inputs(batch.inputs[name])).labels for name, part in parts.items()]
            return states.add(labels=torch.cat(both, -1))
        made = []
        for name, part in parts.items():
            own = batch.subset(places[name])
            made.append(part(states, own.with_inputs(own.inputs[name])).labels)
        order = torch.cat(list(places.values())).argsort()
        if len(order) < len(batch):
            raise ValueError("either every row has the role target or candidate, or none has")
        return states.add(labels=torch.cat(made)[order])


class LabelWiseRanking(Task):
    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        labels = cast(Tensor, states.labels)[:, 0]  # (B, K): the one label that each row was drawn for
        return contrast(labels @ labels.T, cast(Tensor, batch.relation))


class LabelWiseMLP(Predictor):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        count = len(context.labels)
        self.layers = nn.Sequential(nn.Linear(count * context.width("labels"), 20), nn.ReLU(), nn.Linear(20, count))

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(scores=self.layers(cast(Tensor, states.labels).flatten(1)))
