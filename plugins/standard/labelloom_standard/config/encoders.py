"""The options of encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from labelloom.components import Component, Need, is_draw
from labelloom.config import Config, EncoderSpec, Held, LabelModuleSpec, Signature, outside_needs
from labelloom_standard.config.language_model import LanguageModelOptions
from labelloom_standard.config.words import WordOptions


class TransformerConfig(LanguageModelOptions):
    """`standard/transformer`."""

    pooling: Literal["cls", "mean", "attention"] = Field(
        "mean",
        description="What `document` is: the state of the first special token, the mean of the document's own pieces, "
        "or their mean weighted by a trained attention.",
    )
    max_length: int = Field(
        256, gt=0, description="Pieces of a document that are read, special ones included; the rest is cut."
    )
    freeze_layers: int = Field(
        0, ge=0, description="The embeddings and so many of the lowest layers do not train; 0 trains everything."
    )


class BiLSTMConfig(WordOptions):
    """`standard/bilstm`."""

    hidden: int = Field(256, gt=0, description="Width of a state in each direction; a token has both.")
    layers: int = Field(1, gt=0, description="Layers, one on the other.")
    cell: Literal["lstm", "gru"] = Field("lstm", description="The recurrent cell.")
    dropout: float = Field(0.2, ge=0, lt=1, description="On the words' vectors and between layers.")
    pooling: Literal["attention", "mean", "max"] = Field(
        "attention",
        description="What `document` is: the tokens weighted by a trained attention, their mean or maximum.",
    )


class CNNConfig(WordOptions):
    """`standard/cnn`."""

    windows: list[Annotated[int, Field(gt=0)]] = Field(
        [3, 4, 5], min_length=1, description="How many words in a row each group of filters reads."
    )
    filters: int = Field(100, gt=0, description="Filters of each window; a token has the outputs of all.")
    dropout: float = Field(0.5, ge=0, lt=1, description="On `document`.")
    word_dropout: float = Field(0.0, ge=0, lt=1, description="On the words' vectors, and so on `tokens`, too.")
    multichannel: bool = Field(
        False, description="Read the vectors twice, as they started and as training has changed them."
    )

    @model_validator(mode="after")
    def _channels_that_differ(self) -> CNNConfig:
        if self.multichannel and (self.vectors is None or not self.train_vectors):
            raise ValueError("multichannel = true needs vectors, and train_vectors = true: one channel stays as it is")
        return self


class XMLCNNConfig(WordOptions):
    """`standard/xml-cnn`."""

    windows: list[Annotated[int, Field(gt=0)]] = Field(
        [2, 4, 8], min_length=1, description="How many words in a row each group of filters reads."
    )
    filters: int = Field(128, gt=0, description="Filters of each window; a token has the outputs of all.")
    chunks: int = Field(
        8, gt=0, description="Parts of a document of which each filter's maximum is kept, however long it is."
    )
    bottleneck: int = Field(512, gt=0, description="Width of `document`, which is made of all these maxima.")
    dropout: float = Field(0.5, ge=0, lt=1, description="On `document`.")
    word_dropout: float = Field(0.0, ge=0, lt=1, description="On the words' vectors, and so on `tokens`, too.")


class ChainConfig(Config):
    """`standard/chain`."""

    encoder: EncoderSpec = Field(description="What reads the texts.")
    label_modules: list[LabelModuleSpec] = Field(
        min_length=1, description="What refines its fields, in the order in which data passes."
    )

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Each part is fed what those before it gave; draws come from outside; the chain gives all that they give."""
        there: frozenset[str] = frozenset()
        holds: dict[str, Held] = {}
        for path in ("encoder", *(f"label_modules.{place}" for place in range(len(self.label_modules)))):
            holds[path] = Held(fed=there)
            there |= parts[path].gives
        return Signature(
            needs=frozenset(
                need
                for need in outside_needs(parts, holds)
                if any(is_draw(name) for name in Need.parse(need).alternatives)
            ),
            gives=there,
            labels="all" if any(part.labels == "all" for part in parts.values()) else "any",
            holds=holds,
            axes={name: axes for part in parts.values() for name, axes in part.axes.items()},
        )
