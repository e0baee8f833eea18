"""The options of the bundle's components, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from labelloom.components import Component
from labelloom.config import Config, Signature
from labelloom_standard.config import LabelLinearConfig, LabelSlotOptions


class LabelMaskConfig(LabelSlotOptions):
    """`lmmtc/label-mask-encoder`."""

    max_length: int | None = Field(
        None,
        gt=0,
        description="Positions in all: special ones, three for each label, and the document, which fills what is left "
        "over; default as many as the model has.",
    )
    tokens: Literal["different", "same"] = Field(
        "different",
        description="Five new tokens for each label, or four for all labels with the model's own mask token (table 4).",
    )
    mask_init: Literal["random", "model"] = Field(
        "random", description="How the labels' mask tokens start: drawn, or as the model's own mask token."
    )
    place: Literal["after-cls", "before-cls"] = Field(
        "after-cls",
        description="Where the labels stand: [CLS] labels [SEP] document [SEP], or labels [CLS] document [SEP].",
    )
    segments: Literal["one", "label"] = Field(
        "one", description="Labels and document share the first segment, or each label gets a new one of its own."
    )
    mask_words: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the document's pieces that are hidden in training, for a task to predict: 8 of 10 are "
        "masked, 1 is another piece, 1 stays.",
    )
    iterative: int | None = Field(
        None,
        gt=0,
        description="Predict in several passes: each shows the next one so many more labels, the surest, as predicted; "
        "default one pass with every label masked.",
    )

    @model_validator(mode="after")
    def _mask_tokens_of_their_own(self) -> LabelMaskConfig:
        if self.tokens == "same" and self.mask_init == "model":
            raise ValueError('mask_init says how new mask tokens start; with tokens = "same" there are none')
        return self

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Words only where some are hidden; without the labels in its input nothing of theirs, and nothing is told."""
        words = frozenset({"lmmtc.words"} if self.mask_words else ())
        labels = frozenset() if self.text_alone else record.gives - {"tokens", "document", "lmmtc.words"}
        needs = frozenset() if self.text_alone else record.needs
        gives = frozenset({"tokens", "document"}) | labels | words
        return Signature(needs, gives, axes=record.axes, iterative=self.iterative is not None)


class RevealConfig(Config):
    """`lmmtc/reveal`."""

    mode: Literal["uniform", "bernoulli", "full"] = Field(
        "uniform",
        description="Which labels of a document are masked: k of the L, k uniform in 1 .. L; each for itself; or all.",
    )
    probability: float | None = Field(
        None, gt=0, lt=1, description="Of each label to be masked, for bernoulli; default 0.15 as in section 5.4."
    )
    wrong: float = Field(
        0.0, ge=0, lt=1, description="Share of the labels shown that are shown wrong, so that the others matter too."
    )

    @model_validator(mode="after")
    def _nothing_said_in_vain(self) -> RevealConfig:
        if self.probability is not None and self.mode != "bernoulli":
            raise ValueError(f'probability would be ignored: mode = "{self.mode}" draws no label for itself')
        if self.wrong and self.mode == "full":
            raise ValueError('wrong would be ignored: mode = "full" shows no label')
        return self


class SlotLinearConfig(LabelLinearConfig):
    """`lmmtc/slot-linear`."""

    weights: Literal["shared", "per-label"] = Field(
        "shared", description="One weight vector and bias for all slots, or one of each label's own (the shape of W_l)."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="On the slots' states.")


class LabelMLMConfig(Config):
    """`lmmtc/label-mlm`."""

    targets: Literal["both", "labels", "words"] = Field(
        "both",
        description="Which tokens are predicted: those of masked labels, words that the encoder hides (its option "
        "mask_words), or both in one mean.",
    )

    def signature(self, record: Component, parts: Mapping[str, Signature]) -> Signature:
        """Slots for labels, words for words; for both, words where some are hidden."""
        if self.targets == "words":
            return Signature(frozenset({"lmmtc.words"}), record.gives)
        words = {"lmmtc.words?"} if self.targets == "both" else set()
        # Who gives slots gives their totals: where both lack, one need tells of it. The task checks the other.
        return Signature(frozenset({"lmmtc.slots", "lmmtc.totals?", *words}), record.gives)
