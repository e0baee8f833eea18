"""The options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from labelloom.components import Component
from labelloom.config import Config, EncoderSpec, Held, Signature, outside_needs


class MultiAspectConfig(Config):
    encoders: list[EncoderSpec] = Field(min_length=1, description="One a view; or `encoder` and `n`, all of one kind.")

    @model_validator(mode="before")
    @classmethod
    def _of_one_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and "encoder" in values:
            rest = {name: value for name, value in values.items() if name not in ("encoder", "n")}
            return {**rest, "encoders": [values["encoder"]] * values.get("n", 2)}
        return values

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        holds = {path: Held(must_give=frozenset({"document"})) for path in parts}
        return Signature(outside_needs(parts, holds), record.gives, holds=holds)


class NCFConfig(Config):
    text: str = Field("maacf.text", description="The field with the text's vectors.")
    label: str = Field("labels", description="The field with the labels' vectors.")

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        return Signature(frozenset({self.text, self.label}), record.gives)
