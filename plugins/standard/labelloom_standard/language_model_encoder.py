"""What encoders built on a language model share: its files, its weights, its limits and its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.errors import TrainingError
from labelloom.interfaces import Assets, Context, Encoder, Files, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_standard.added_tokens import without_added
from labelloom_standard.config import LanguageModelOptions
from labelloom_standard.language_model import (
    build_language_model,
    checkpoint_activations,
    layers_of,
    load_weights,
    position_limit,
)
from labelloom_standard.pieces import PieceReader
from labelloom_standard.pretrained import architecture_files, locate


class LanguageModelEncoder(Encoder):
    """Base of encoders that run a model of the `transformers` library. Its constructor leaves the reader to them.

    model       the language model, with fresh weights until `initialise`
    rates       its dropout rates, which follow the option, so that a stage may change it
    files       its configuration and its tokenizer
    max_length  how many positions may be read, special ones included: the option, or all that the model has

    Raises ValueError when there are fewer positions than the option says, or no option and no limit, or no dropout to
    set.
    """

    @classmethod
    def prepare(cls, config: LanguageModelOptions, corpus: Corpus) -> Assets:
        """Configuration and tokenizer, so that a saved run needs neither hub nor package. Raises SpecError."""
        return {"architecture": architecture_files(locate(config.pretrained, config.sha256, not config.random_init))}

    def __init__(self, config: LanguageModelOptions, context: Context) -> None:
        super().__init__(config, context)
        self.files = cast(Files, context.assets["architecture"])
        self.model, self.rates = build_language_model(self.files, config.attention)
        self.rates.set(config.dropout)
        self.model.register_forward_pre_hook(self._use_dropout)
        self.max_length = _positions(self.model, config.max_length)
        if config.gradient_checkpointing:
            checkpoint_activations(self.model)

    def _use_dropout(self, model: nn.Module, given: object) -> None:
        """Before each pass, since a stage may have another rate."""
        try:
            self.rates.set(self.config.dropout)
        except ValueError as error:  # at building only the first stage's rate is known
            raise TrainingError(str(error), where=self.path) from error

    @property
    def width(self) -> int:
        """H, the width of a state."""
        return int(self.model.config.hidden_size)

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The pretrained weights. Raises SpecError when they are not those of the architecture."""
        if not self.config.random_init:
            folder = locate(self.config.pretrained, self.config.sha256)
            with without_added(self.model):  # under the names that the files have
                load_weights(self.model, folder, self.config.pretrained)

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """The embeddings, those of added tokens among them, then the model's layers."""
        return layers_of(self.model)


def check_pooling(pooling: str, reader: PieceReader) -> None:
    """Raise ValueError when `pooling` takes the first special token and the tokenizer puts none before a text."""
    if pooling == "cls" and reader.before == 0:
        raise ValueError('pooling = "cls" takes the special token before a text, and this tokenizer puts none there')


def pooled(pooling: Literal["cls", "mean"], tokens: Tensor, mask: Tensor) -> Tensor:
    """(B, H): the state of the first special token of (B, T, H), or the mean of the positions of `mask` (B, T)."""
    return tokens[:, 0] if pooling == "cls" else masked_mean(tokens, mask)


def _positions(model: nn.Module, wanted: int | None) -> int:
    """How many positions to read. Raises ValueError when the model has fewer, or nobody says how many."""
    limit, arithmetic = position_limit(model)
    if limit is None and wanted is None:
        raise ValueError("the model has no limit of positions: say with max_length how many to read")
    if limit is not None and wanted is not None and wanted > limit:
        raise ValueError(f"max_length = {wanted}, but the model has {limit} positions ({arithmetic})")
    return cast(int, limit if wanted is None else wanted)
