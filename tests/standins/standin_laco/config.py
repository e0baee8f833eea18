"""The options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from labelloom.components import Component
from labelloom.config import Config, Signature, SpecPath


class JointEncoderConfig(Config):
    pretrained: SpecPath = Field(description="Folder of a model; the stand-in is as wide as it.")
    max_length: int = Field(64, gt=0, description="Positions, those of the labels included.")
    text_alone: bool = Field(False, description="Read the text without the labels.")

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        return Signature(record.needs, record.gives - {"labels"} if self.text_alone else record.gives)


class CrossAttentionConfig(Config):
    pooling: Literal["sum", "max"] = "sum"
