"""The options of the bundle's components, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from labelloom.components import Component, Need, is_draw
from labelloom.config import Config, EncoderSpec, Held, Signature, outside_needs, taken_away

ASPECTS = 2
"""How many aspects `encoder` makes where nothing else is said."""

Attention = Literal["cross", "self"]
"""Whether what is weighed is asked about by the other side, or by trained vectors alone (MCF+)."""


class MultiAspectConfig(Config):
    """`maacf/multi-aspect`."""

    encoder: EncoderSpec | None = Field(
        None, description="What encodes a document for each of the `n` aspects, each time with weights of its own."
    )
    n: int | None = Field(None, gt=0, description=f"How many aspects `encoder` makes; default {ASPECTS}.")
    encoders: list[EncoderSpec] = Field(
        [], description="Instead of `encoder` and `n`: one encoder an aspect, of any kinds."
    )
    width: int = Field(256, gt=0, description="Width of an aspect, to which every encoder's document is projected.")

    @model_validator(mode="after")
    def _one_encoder_an_aspect(self) -> MultiAspectConfig:
        """What it holds are its `encoders`, whichever way they were written."""
        if self.encoder is None and not self.encoders:
            raise ValueError("it has no encoder: name one as encoder, for n aspects, or one an aspect as encoders")
        if self.encoders:
            told = [name for name in ("encoder", "n") if getattr(self, name) is not None]
            if told:
                raise ValueError(
                    f"encoders names one an aspect, beside which nothing is left to say of others: {taken_away(*told)}"
                )
            return self
        held = {"encoders": [self.encoder] * (self.n or ASPECTS), "encoder": None, "n": None}
        for name, value in held.items():
            object.__setattr__(self, name, value)  # the config is frozen
        return self

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Every part must give a document; what they read of draws comes from outside."""
        # What an encoder lacks that stands there n times is told of the first.
        first = "encoders.0"
        asked = [
            path
            for path, encoder in zip(parts, self.encoders, strict=True)
            if path == first or encoder is not self.encoders[0] or parts[path] != parts[first]
        ]
        holds = {path: Held(must_give=frozenset({"document"})) for path in asked}
        drawn = frozenset(
            need for need in outside_needs(parts, holds) if any(is_draw(name) for name in Need.parse(need).alternatives)
        )
        every = any(part.labels == "all" for part in parts.values())
        return Signature(drawn, record.gives, labels="all" if every else "any", holds=holds)


class LabelGroupsConfig(Config):
    """`maacf/label-groups`."""

    k: int = Field(2, ge=0, description="Most neighbours in a label's group; 0 leaves groups out.")
    attention: Attention = Field(
        "cross",
        description="What weighs the neighbours of a label: the document's aspects, or a trained vector an aspect, as "
        "in MCF+.",
    )
    weights: Literal["per-aspect", "shared"] = Field(
        "per-aspect", description="What weighs the aspects against one another (eq. 6): a vector and bias each, or one."
    )


class CoAttentionConfig(Config):
    """`maacf/co-attention`."""

    attention: Attention = Field(
        "cross", description="What weighs the aspects: the label's vector, or trained vectors alone, as in MCF+."
    )

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Trained vectors ask no label."""
        return Signature(
            frozenset({"aspects"}) if self.attention == "self" else record.needs, record.gives, axes=record.axes
        )


class NCFConfig(Config):
    """`maacf/ncf`."""

    text: str = Field("maacf.text", description="The field on the text's side: a bundle's own, `labels` or `document`.")
    label: str = Field(
        "labels", description="The field on the label's side: a bundle's own, `labels` or `label_table`."
    )
    layers: int = Field(2, ge=1, le=3, description="Layers of the perceptron.")
    hidden: int | None = Field(
        None, gt=0, description="Width after the first layer, of which a third one leaves half; default 256."
    )
    dropout: float | None = Field(None, ge=0, lt=1, description="After each layer but the last; default 0.1.")

    @field_validator("text")
    @classmethod
    def _text_has_vectors(cls, field: str) -> str:
        return _expected(field, "labels", "document")

    @field_validator("label")
    @classmethod
    def _label_has_vectors(cls, field: str) -> str:
        return _expected(field, "labels", "label_table")

    @model_validator(mode="after")
    def _nothing_said_in_vain(self) -> NCFConfig:
        told = [name for name in ("hidden", "dropout") if getattr(self, name) is not None]
        if told and self.layers == 1:
            raise ValueError(f"layers = 1 has nothing between its layers: {taken_away(*told)}")
        return self

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """The two fields."""
        return Signature(frozenset({self.text, self.label}), record.gives)


def _expected(field: str, *common: str) -> str:
    """`field`, if it is one of these or a bundle's own. Raises ValueError."""
    if field not in common and "." not in field:
        raise ValueError(f"expected {', '.join(common)} or a bundle's own field, bundle.name, not {field!r}")
    return field


class BPRConfig(Config):
    """`maacf/bpr`."""

    reduction: Literal["mean", "sum"] = Field(
        "mean",
        description="Mean over all pairs, or a document's pairs summed (eq. 10) and documents averaged.",
    )


class NegativeLabelsConfig(Config):
    """`maacf/negative-labels`."""

    negatives: int = Field(4, gt=0, description="Labels that are drawn for a document, out of those that it lacks.")
    power: float = Field(
        0.0,
        ge=0,
        description="A label is as likely as the number of training documents that carry it, to this power; labels on "
        "none count as on one. 0 draws each as likely.",
    )
