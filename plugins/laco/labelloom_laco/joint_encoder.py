"""`laco/joint-encoder`: document and labels in one input (Zhang et al. 2021 section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, Files, States, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_laco.config import JointEncoderConfig
from labelloom_standard.added_tokens import ExtendedEmbedding, append, extend_vocabulary
from labelloom_standard.language_model import (
    build_language_model,
    checkpoint_activations,
    layers_of,
    load_weights,
    position_limit,
)
from labelloom_standard.pieces import PieceReader
from labelloom_standard.pretrained import architecture_files, locate


class JointEncoder(Encoder):
    """Reads `[CLS] x_1 .. x_m [SEP] y_1 .. y_n [SEP]`: words see labels, and labels each other.

    Gives `tokens` (B, T, H), the states of x; `labels` (B, C, H), those of y; `document` (B, H). Labels are never cut,
    the document is. All n labels are in the input, and those under consideration are picked afterwards.
    """

    pieces: Tensor  # (S + 1,) the ids of the labels' pieces and of the token that closes them
    segments: Tensor  # (S + 1,)
    owners: Tensor  # (S,) the label of each piece
    sizes: Tensor  # (n,) how many pieces each label has

    @classmethod
    def prepare(cls, config: JointEncoderConfig, corpus: Corpus) -> Assets:
        """Configuration and tokenizer, so that a saved run needs neither hub nor package. Raises SpecError."""
        return {"architecture": architecture_files(locate(config.pretrained, config.sha256, not config.random_init))}

    def __init__(self, config: JointEncoderConfig, context: Context) -> None:
        super().__init__(config, context)
        files = cast(Files, context.assets["architecture"])
        self.model = build_language_model(files, config.attention, config.dropout)
        limit, arithmetic = position_limit(self.model)
        if limit is not None and config.max_length > limit:
            raise ValueError(f"max_length = {config.max_length}, but the model has {limit} positions ({arithmetic})")
        alone = PieceReader(files, config.max_length)
        names = [_pieces(alone, *each) for each in zip(context.labels.names, context.labels.codes, strict=True)]
        self.names = names
        self.embedding: ExtendedEmbedding | None = None
        if config.label_tokens == "added":
            self.embedding = extend_vocabulary(self.model, len(names))
            labels = [[self.embedding.first + label] for label in range(len(names))]
        else:
            labels = names
        closing = alone.tokenizer.sep_token_id
        pieces = [piece for label in labels for piece in label] + [closing] * (closing is not None)
        self.reader = _reader(files, config.max_length, len(pieces), len(labels), alone)
        if config.pooling == "cls" and self.reader.before == 0:
            raise ValueError(
                'pooling = "cls" takes the special token before a text, and this tokenizer puts none there'
            )
        if config.gradient_checkpointing:
            checkpoint_activations(self.model)
        owners = [label for label, own in enumerate(labels) for _ in own]
        self.padding = alone.tokenizer.pad_token_id or 0
        self.knows_segments = getattr(self.model.config, "type_vocab_size", 0) > 1
        second = torch.tensor([config.segments] * len(owners) + [False] * (len(pieces) - len(owners)))
        self.register_buffer("pieces", torch.tensor(pieces), persistent=False)
        self.register_buffer("segments", second.long(), persistent=False)
        self.register_buffer("owners", torch.tensor(owners), persistent=False)
        self.register_buffer("sizes", torch.tensor([len(own) for own in labels]), persistent=False)
        width = self.model.config.hidden_size
        self.widths = {"tokens": width, "document": width, "labels": width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The pretrained weights, and the start of the labels' tokens. Raises SpecError for weights that do not fit."""
        if self.embedding is not None:
            self.model.set_input_embeddings(self.embedding.base)  # under the names that the files have
        if not self.config.random_init:
            load_weights(self.model, locate(self.config.pretrained, self.config.sha256), self.config.pretrained)
        if self.embedding is not None:
            self.model.set_input_embeddings(self.embedding)
            if self.config.label_init == "names":
                self._start_from_names(self.embedding)

    @torch.no_grad()
    def _start_from_names(self, embedding: ExtendedEmbedding) -> None:
        table, added = embedding.base.weight, embedding.added.weight
        for label, pieces in enumerate(self.names):
            added[label] = table[torch.tensor(pieces, device=table.device)].mean(0)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The embeddings, those of the labels among them, then the model's layers."""
        return layers_of(self.model)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask, document and, unless the text is alone, labels."""
        inputs = batch.inputs
        ids, present, mask = inputs["input_ids"], inputs["attention_mask"].bool(), inputs["token_mask"]
        if self.config.text_alone:
            found = self._read(ids, present, torch.zeros_like(ids))
            return states.add(tokens=found, token_mask=mask, document=self._document(found, mask))
        joined = append(ids, present, self.pieces, self.segments, self.padding)
        found = self._read(joined.ids, joined.present, joined.segments)
        tokens = found[:, : ids.shape[1]]  # (B, T, H)
        pieces = joined.states_of(found)[:, : len(self.owners)]  # (B, S, H), the closing token left out
        labels = pieces if len(self.owners) == len(self.sizes) else self._pooled(pieces)
        return states.add(
            tokens=tokens, token_mask=mask, document=self._document(found, mask), labels=batch.pick(labels)
        )

    def _read(self, ids: Tensor, present: Tensor, segments: Tensor) -> Tensor:
        kinds = {"token_type_ids": segments} if self.knows_segments else {}
        return self.model(input_ids=ids, attention_mask=present.long(), **kinds).last_hidden_state

    def _pooled(self, pieces: Tensor) -> Tensor:
        """(B, n, H): the mean of each label's pieces (B, S, H)."""
        sums = pieces.new_zeros(len(pieces), len(self.sizes), pieces.shape[-1]).index_add(1, self.owners, pieces)
        return sums / self.sizes[:, None].to(sums.dtype)

    def _document(self, found: Tensor, mask: Tensor) -> Tensor:
        return found[:, 0] if self.config.pooling == "cls" else masked_mean(found[:, : mask.shape[1]], mask)


def _pieces(reader: PieceReader, name: str, code: str) -> list[int]:
    """The pieces of a label's name, or of its code where the name has none. Raises ValueError where neither has."""
    for text in (name, code):
        pieces = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
        if pieces:
            return pieces
    raise ValueError(f"the tokenizer finds no piece in the label {code!r}; give it a name in letters")


def _reader(files: Files, max_length: int, extra: int, count: int, alone: PieceReader) -> PieceReader:
    """The reader that leaves `extra` positions to the labels. Raises ValueError where nothing is left for documents."""
    special = alone.before + alone.after
    room = max_length - extra
    if room <= special:
        raise ValueError(
            f"max_length = {max_length} positions - {extra} for {count} labels and their closing token - {special} "
            f"special tokens leave {max(0, room - special)} for the document"
        )
    return PieceReader(files, room)
