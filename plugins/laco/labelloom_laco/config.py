"""The options of the bundle's components, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from labelloom.components import Component
from labelloom.config import Config, Signature
from labelloom_standard.config import LabelSlotOptions


class JointEncoderConfig(LabelSlotOptions):
    """`laco/joint-encoder`."""

    max_length: int = Field(
        320,
        gt=0,
        description="Positions in all: special ones, labels and document; what is left over the document fills.",
    )
    label_tokens: Literal["added", "names"] = Field(
        "added", description="One new token for each label, or the pieces of its name, whose states are averaged."
    )
    label_init: Literal["random", "names"] = Field(
        "random", description="How new tokens start: drawn, or the mean of the embeddings of the name's pieces."
    )
    segments: bool = Field(
        True, description="Labels get the second segment, where the model knows segments; as in BERT's sentence pairs."
    )

    @model_validator(mode="after")
    def _new_tokens_start(self) -> JointEncoderConfig:
        if self.label_tokens == "names" and self.label_init == "names":
            raise ValueError('label_init says how new tokens start; with label_tokens = "names" there are none')
        return self

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Without the labels in its input it gives none."""
        return Signature(record.needs, record.gives - {"labels"} if self.text_alone else record.gives)


class CrossAttentionConfig(Config):
    """`laco/cross-attention`."""

    similarity: Literal["cosine", "dot"] = Field(
        "cosine",
        description="Of a word and a label. With the cosine the words that are summed have length 1, as in the "
        "authors' code; the paper's eq. 1 is the dot product.",
    )
    convolution: Literal["2d", "1d"] = Field(
        "2d",
        description="Over words and labels, so that the order of the labels matters, or over words alone with the same "
        "filters for every label.",
    )
    window: int = Field(10, gt=0, description="Words, and in 2d also labels, that a filter spans.")
    channels: int | None = Field(None, gt=0, description="Filters; default as many as there are labels.")
    pooling: Literal["sum", "softmax", "max"] = Field(
        "sum",
        description="The words weighted by tanh and summed, by a softmax over the document's words, or the maximum of "
        "the weighted words.",
    )


class PairwiseConfig(Config):
    """`laco/plcp`."""

    gamma: float = Field(0.5, gt=0, description="Pairs that co-occur for each that does not.")
    pairs: int = Field(1, gt=0, description="Pairs drawn for a document in a step.")
    dropout: float = Field(0.1, ge=0, lt=1, description="On the two label vectors.")
    swap: bool = Field(
        False, description="Put the two labels in either order, instead of the one the document has first."
    )


class ConditionalConfig(Config):
    """`laco/clcp`."""

    given: Literal["one", "uniform"] = Field(
        "one", description="How many labels of the document are given: one, or any number that leaves one to find."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="On label and given vector.")
    project: bool = Field(
        False, description="Both go through a layer of their own (linear, GELU, norm) first, as in the authors' code."
    )
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="Mean over the labels asked for, or summed over labels and averaged over documents (eq. 6)."
    )
