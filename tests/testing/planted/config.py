"""The options of the planted components, without torch."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from labelloom.components import Component
from labelloom.config import Config, EncoderSpec, Held, PartSpec, Signature, outside_needs


class BagConfig(Config):
    """Of encoders that read a bag of words."""

    width: int = Field(8, gt=0, description="Of a word's vector, and of all that is made of it.")
    dropout: float = Field(0.1, ge=0, lt=1, description="On words' vectors.")


class UnbuildableConfig(BagConfig):
    """A default that no constructor can work with: it was never built without options."""

    heads: int = Field(3, gt=0, description="Parts of the width.")


class UnfinishedConfig(BagConfig):
    """A default that its own bounds refuse."""

    width: int = Field(0, gt=0, description="Of a word's vector.", validate_default=True)


class WrapConfig(Config):
    """Of encoders that hold one."""

    encoder: EncoderSpec = Field(
        PartSpec.model_validate({"use": "standard/bilstm", "embedding": 8, "hidden": 4}), description="What is wrapped."
    )

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """What the held encoder gives and takes from outside, if it gives a document."""
        holds = {"encoder": Held(must_give=frozenset({"document"}))}
        return Signature(outside_needs(parts, holds), parts["encoder"].gives, parts["encoder"].labels, holds)


class DrawConfig(Config):
    """Of samplers."""

    count: int = Field(2, gt=0, description="How many are drawn.")
