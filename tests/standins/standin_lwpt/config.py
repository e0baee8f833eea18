"""The options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from labelloom.components import Component
from labelloom.config import Config, EncoderSpec, Held, Signature, outside_needs


class LSTMConfig(Config):
    hidden: int = Field(256, gt=0, description="Width of each direction.")


class PairedConfig(Config):
    target: EncoderSpec = Field(description="Encodes documents.")
    candidate: EncoderSpec = Field(description="Encodes the documents that they are compared with; default the same.")

    @model_validator(mode="before")
    @classmethod
    def _twins(cls, values: Any) -> Any:
        if isinstance(values, dict) and "candidate" not in values and "target" in values:
            return {**values, "candidate": values["target"]}
        return values

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        holds = {path: Held(must_give=frozenset({"labels"})) for path in ("target", "candidate")}
        return Signature(
            needs=outside_needs(parts, holds) | {"role:target?", "role:candidate?"}, gives=record.gives, holds=holds
        )


class CandidatesConfig(Config):
    n: int = Field(3, ge=2, description="Documents to choose among.")
