"""The options of what compares documents: the twins, and the sampler that draws for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from labelloom.components import Component, Need, is_draw
from labelloom.config import Config, EncoderSpec, Held, Signature, outside_needs


class PairedConfig(Config):
    """`lwpt/paired`."""

    target: EncoderSpec = Field(description="What encodes the documents that others are compared with.")
    candidate: EncoderSpec | None = Field(
        None, description="What encodes those others, with weights of its own; default an encoder like the target's."
    )

    @model_validator(mode="before")
    @classmethod
    def _twins(cls, values: Any) -> Any:
        if isinstance(values, dict) and "target" in values and values.get("candidate") is None:
            return {**values, "candidate": values["target"]}
        return values

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Both parts must give labels; what they read of draws comes from outside, and roles where there are any."""
        holds = {path: Held(must_give=frozenset({"labels"})) for path in ("target", "candidate")}
        drawn = frozenset(
            need for need in outside_needs(parts, holds) if any(is_draw(name) for name in Need.parse(need).alternatives)
        )
        return Signature(
            needs=drawn | {"role:target?", "role:candidate?"},
            gives=record.gives,
            labels="all" if any(part.labels == "all" for part in parts.values()) else "any",
            holds=holds,
        )


class CandidatesConfig(Config):
    """`lwpt/candidates`."""

    n: int = Field(3, ge=2, description="Documents to choose among: one that carries the label, the others lack it.")
