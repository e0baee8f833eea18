"""The options of what compares documents: the twins, and the sampler that draws for them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from labelloom.components import Component, Need, is_draw
from labelloom.config import Config, EncoderSpec, Held, Signature, outside_needs


class PairedConfig(Config):
    """`lwpt/paired`."""

    target: EncoderSpec = Field(description="What encodes the documents that others are compared with.")
    candidate: EncoderSpec | None = Field(
        None, description="What encodes those others, with weights of its own; default an encoder like the target's."
    )

    @model_validator(mode="after")
    def _twins(self) -> PairedConfig:
        if self.candidate is None:
            object.__setattr__(self, "candidate", self.target)  # the config is frozen
        return self

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Both parts must give labels; what they read of draws comes from outside, and roles where there are any."""
        # A candidate encoder that nobody wrote lacks what the target's lacks, which is told of that one.
        alike = self.candidate is self.target and parts["candidate"] == parts["target"]
        asked = ("target",) if alike else ("target", "candidate")
        holds = {path: Held(must_give=frozenset({"labels"})) for path in asked}
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
