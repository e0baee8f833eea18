"""`standard/transformer`: any pretrained encoder of the `transformers` library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Encoder, Files, States, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_standard.attention import AttentionPooling
from labelloom_standard.config import TransformerConfig
from labelloom_standard.language_model import (
    build_language_model,
    checkpoint_activations,
    freeze_lowest,
    layers_of,
    load_weights,
    position_limit,
)
from labelloom_standard.pieces import PieceReader
from labelloom_standard.pretrained import architecture_files, locate


class Transformer(Encoder):
    """`tokens` (B, T, H) are the last layer's states, `document` (B, H) is pooled from them.

    `token_mask` holds for the document's own pieces alone, not for special tokens. A document without any has a
    `document` of zeros (mean, attention) or the first special token's state (cls).
    """

    @classmethod
    def prepare(cls, config: TransformerConfig, corpus: Corpus) -> Assets:
        """Configuration and tokenizer, so that a saved run needs neither hub nor package. Raises SpecError."""
        return {"architecture": architecture_files(locate(config.pretrained, config.sha256, not config.random_init))}

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        super().__init__(config, context)
        files = cast(Files, context.assets["architecture"])
        self.reader = PieceReader(files, config.max_length)
        self.model = build_language_model(files, config.attention, config.dropout)
        limit, arithmetic = position_limit(self.model)
        if limit is not None and config.max_length > limit:
            raise ValueError(f"max_length = {config.max_length}, but the model has {limit} positions ({arithmetic})")
        if config.pooling == "cls" and self.reader.before == 0:
            raise ValueError(
                'pooling = "cls" takes the special token before a text, and this tokenizer puts none there'
            )
        if config.gradient_checkpointing:
            checkpoint_activations(self.model)
        freeze_lowest(self.model, config.freeze_layers)
        width = self.model.config.hidden_size
        self.pool = AttentionPooling(width) if config.pooling == "attention" else None
        self.widths = {"tokens": width, "document": width}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The pretrained weights. Raises SpecError when they are not those of the architecture."""
        if not self.config.random_init:
            load_weights(self.model, locate(self.config.pretrained, self.config.sha256), self.config.pretrained)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The embeddings, then the model's layers."""
        return layers_of(self.model)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document."""
        inputs, mask = batch.inputs, batch.inputs["token_mask"]
        tokens = self.model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
        return states.add(tokens=tokens, token_mask=mask, document=self._document(tokens, mask))

    def _document(self, tokens: Tensor, mask: Tensor) -> Tensor:
        if self.pool is not None:
            return self.pool(tokens, mask)
        return tokens[:, 0] if self.config.pooling == "cls" else masked_mean(tokens, mask)
