"""`laco/joint-encoder`: document and labels in one input (Zhang et al. 2021 section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch, Context, States
from labelloom.interfaces.part import Encode
from labelloom_laco.config import JointEncoderConfig
from labelloom_standard.added_tokens import ExtendedEmbedding, extend_vocabulary
from labelloom_standard.label_slots import Joined, LabelStates, append, reader_beside
from labelloom_standard.language_model_encoder import check_pooling, pooled
from labelloom_standard.pieces import PieceReader
from labelloom_standard.slot_encoder import SlotEncoder


class JointEncoder(SlotEncoder):
    """Reads `[CLS] x_1 .. x_m [SEP] y_1 .. y_n [SEP]`: words see labels, and labels each other.

    Gives `tokens` (B, T, H), the states of x; `labels` (B, C, H), those of y; `document` (B, H). Labels are never cut,
    the document is. All n labels are in the input, and those under consideration are picked afterwards.
    """

    pieces: Tensor  # (S + 1,) the ids of the labels' pieces and of the token that closes them
    segments: Tensor  # (S + 1,)

    def __init__(self, config: JointEncoderConfig, context: Context) -> None:
        super().__init__(config, context)
        alone = PieceReader(self.files, self.max_length)
        names = [_pieces(alone, *each) for each in zip(context.labels.names, context.labels.codes, strict=True)]
        self.names = names
        self.embedding: ExtendedEmbedding | None = None
        if config.label_tokens == "added":
            self.embedding = extend_vocabulary(self.model, len(names), alone.tokenizer)
            labels = [[self.embedding.first + label] for label in range(len(names))]
        else:
            labels = names
        owners: list[int | None] = [label for label, own in enumerate(labels) for _ in own]
        segments = [int(config.segments)] * len(owners)
        pieces = [piece for label in labels for piece in label]
        closing = alone.tokenizer.sep_token_id
        if closing is not None:
            pieces, owners, segments = [*pieces, closing], [*owners, None], [*segments, 0]
        told = f"{len(pieces)} for {len(labels)} labels and their closing token"
        self.reader = reader_beside(self.files, alone, len(pieces), told, self.limit)
        check_pooling(config.pooling, self.reader)
        self.padding = alone.tokenizer.pad_token_id or 0
        self.segmented = getattr(self.model.config, "type_vocab_size", 0) > 1
        self.register_buffer("pieces", torch.tensor(pieces), persistent=False)
        self.register_buffer("segments", torch.tensor(segments), persistent=False)
        self.label_states = LabelStates(owners)
        self.widths = {"tokens": self.width, "document": self.width, "labels": self.width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The pretrained weights, and the start of the labels' tokens. Raises SpecError for weights that do not fit."""
        super().initialise(corpus, encode)
        if self.embedding is not None and self.config.label_init == "names":
            self._start_from_names(self.embedding)

    @torch.no_grad()
    def _start_from_names(self, embedding: ExtendedEmbedding) -> None:
        table, added = embedding.base.weight, embedding.added.weight
        for label, pieces in enumerate(self.names):
            added[label] = table[torch.tensor(pieces, device=table.device)].mean(0)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask, document and, unless the text is alone, labels."""
        inputs = batch.inputs
        ids, present, mask = inputs["input_ids"], inputs["attention_mask"].bool(), inputs["token_mask"]
        if self.config.text_alone:
            tokens = self.run(ids, present, torch.zeros_like(ids)).last_hidden_state
            return states.add(tokens=tokens, token_mask=mask, document=pooled(self.config.pooling, tokens, mask))
        joined = self.join(ids, batch)
        found: Tensor = self.run(joined.ids, joined.present, joined.segments).last_hidden_state
        tokens = found[:, : ids.shape[1]]  # (B, T, H)
        labels = self.label_states(joined.states_of(found))  # (B, n, H)
        document = pooled(self.config.pooling, tokens, mask)
        return states.add(tokens=tokens, token_mask=mask, document=document, labels=batch.pick(labels))

    def join(self, ids: Tensor, batch: Batch) -> Joined:
        """The labels' pieces right behind each document."""
        return append(ids, batch.inputs["attention_mask"].bool(), self.pieces, self.segments, self.padding)


def _pieces(reader: PieceReader, name: str, code: str) -> list[int]:
    """The pieces of a label's name, or of its code where the name has none. Raises ValueError where neither has."""
    for text in (name, code):
        pieces = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
        if pieces:
            return list(pieces)
    raise ValueError(f"the tokenizer finds no piece in the label {code!r}; give it a name in letters")
