"""The options."""

from __future__ import annotations

from pydantic import Field

from labelloom.config import Config, SpecPath


class LabelMaskConfig(Config):
    pretrained: SpecPath = Field(description="Folder of a model; the stand-in is as wide as it.")
