"""`standard/transformer`: any pretrained encoder of the `transformers` library."""

from __future__ import annotations

from torch import Tensor

from labelloom.interfaces import Batch, Context, States
from labelloom_standard.attention import AttentionPooling
from labelloom_standard.config import TransformerConfig
from labelloom_standard.language_model import freeze_lowest
from labelloom_standard.language_model_encoder import LanguageModelEncoder, check_pooling, pooled
from labelloom_standard.pieces import PieceReader


class Transformer(LanguageModelEncoder):
    """`tokens` (B, T, H) are the last layer's states, `document` (B, H) is pooled from them.

    `token_mask` holds for the document's own pieces alone, not for special tokens. A document without any has a
    `document` of zeros (mean, attention) or the first special token's state (cls).
    """

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        super().__init__(config, context)
        self.reader = PieceReader(self.files, self.max_length)
        check_pooling(config.pooling, self.reader)
        freeze_lowest(self.model, config.freeze_layers)
        self.pool = AttentionPooling(self.width) if config.pooling == "attention" else None
        self.widths = {"tokens": self.width, "document": self.width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document."""
        inputs, mask = batch.inputs, batch.inputs["token_mask"]
        tokens = self.model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
        return states.add(tokens=tokens, token_mask=mask, document=self._document(tokens, mask))

    def _document(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return pooled(self.config.pooling, tokens, mask) if self.pool is None else self.pool(tokens, mask)
