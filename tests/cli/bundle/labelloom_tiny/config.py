"""The options of the bundle's components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from labelloom import Component
from labelloom.config import Config, EncoderSpec, Held, Signature, outside_needs


class BagConfig(Config):
    """`tiny/bag`."""

    width: int = Field(16, gt=0, le=512, description="Width of a word's vector.")
    pooling: Literal["mean", "sum"] = Field("mean", description="How words make a document.")
    dropout: float | None = Field(None, ge=0, lt=1, description="On the words.")
    note: str = Field("", description="For people.")
    spare: bool = Field(False, description="Add a weight that no loss reaches.")


class OuterConfig(Config):
    """`tiny/outer`."""

    encoder: EncoderSpec = Field(description="What reads the texts.")

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        holds = {"encoder": Held()}
        return Signature(outside_needs(parts, holds), parts["encoder"].gives, holds=holds)


class BCEConfig(Config):
    """`tiny/bce`."""

    scale: float = Field(1.0, description="Factor of the loss; 1e999 makes it infinite.")
    fail: bool = Field(False, description="Raise an error that nobody expects.")
