"""The options of the two label-wise encoders."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labelloom_standard.config import WordOptions

SentenceRule = Literal["lines", "stops", "commas"]
"""How texts become sentences; `labelloom_lwpt.sentences` has the rules."""


class LabelWiseLSTMConfig(WordOptions):
    """`lwpt/lw-lstm`."""

    hidden: int = Field(256, gt=0, description="Width of a state in each direction; tokens and labels have both.")
    layers: int = Field(2, gt=0, description="Recurrent layers, one on the other.")
    cell: Literal["lstm", "gru"] = Field("lstm", description="The recurrent cell.")
    layer_norm: bool = Field(True, description="Normalise what the recurrent network reads, before its dropout.")
    dropout: float = Field(0.2, ge=0, lt=1, description="On what the recurrent network reads and between its layers.")


class HierarchicalConfig(LabelWiseLSTMConfig):
    """`lwpt/hlw-lstm`."""

    layers: int = Field(1, gt=0, description="Recurrent layers over words, and as many over sentences.")
    sentences: SentenceRule = Field(
        "stops",
        description="Where a sentence ends: at line breaks; there and after a full stop, exclamation or question mark; "
        "or there and after a comma, full stop or question mark.",
    )
    max_sentences: int = Field(15, gt=0, description="Sentences of a document that are read; the rest is cut.")
    max_length: int = Field(50, gt=0, description="Words of a sentence that are read; the rest is cut.")
