"""The records."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    return [
        Component(
            kind="encoder",
            name="lmmtc/label-mask-encoder",
            target="standin_lmmtc.parts:LabelMaskEncoder",
            config="standin_lmmtc.config:LabelMaskConfig",
            needs=frozenset({"given?"}),
            gives=frozenset({"tokens", "document", "labels", "lmmtc.slots"}),
            axes={"lmmtc.slots": "BCV"},
            summary="A slot a label in the input, which shows or masks its truth",
        ),
        Component(
            kind="sampler",
            name="lmmtc/reveal",
            target="standin_lmmtc.parts:Reveal",
            gives=frozenset({"given"}),
            summary="Which labels the input tells",
        ),
        Component(
            kind="predictor",
            name="lmmtc/slot-linear",
            target="standin_lmmtc.parts:SlotLinear",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            summary="One linear map for all slots",
        ),
        Component(
            kind="task",
            name="lmmtc/label-mlm",
            target="standin_lmmtc.parts:LabelMLM",
            needs=frozenset({"lmmtc.slots"}),
            summary="The masked label tokens, by a head tied to their embeddings",
        ),
    ]
