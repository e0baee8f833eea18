"""The records of the bundle `lmmtc`."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    """The encoder with label slots, what it is told, the predictor over slots, and two losses."""
    return [
        Component(
            kind="encoder",
            name="lmmtc/label-mask-encoder",
            target="labelloom_lmmtc.label_mask_encoder:LabelMaskEncoder",
            config="labelloom_lmmtc.config:LabelMaskConfig",
            needs=frozenset({"given?"}),
            gives=frozenset({"tokens", "document", "labels", "lmmtc.slots", "lmmtc.totals", "lmmtc.words"}),
            axes={"lmmtc.slots": "BCV", "lmmtc.totals": "V", "lmmtc.words": "V"},
            stage_options=frozenset({"dropout", "mask_words", "text_alone"}),
            summary="A slot for each label before the document, its truth shown or masked (Song et al. 2021 eq. 2)",
        ),
        Component(
            kind="sampler",
            name="lmmtc/reveal",
            target="labelloom_lmmtc.reveal:Reveal",
            config="labelloom_lmmtc.config:RevealConfig",
            gives=frozenset({"given"}),
            summary="Which labels the input shows in training (Song et al. 2021 section 4.1)",
        ),
        Component(
            kind="predictor",
            name="lmmtc/slot-linear",
            target="labelloom_standard.label_linear:LabelLinear",
            config="labelloom_lmmtc.config:SlotLinearConfig",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            summary="Each slot's state to its label's score (Song et al. 2021 eq. 3)",
        ),
        Component(
            kind="task",
            name="lmmtc/label-mlm",
            target="labelloom_lmmtc.label_mlm:LabelMLM",
            config="labelloom_lmmtc.config:LabelMLMConfig",
            needs=frozenset({"lmmtc.slots", "lmmtc.totals?", "lmmtc.words?"}),
            summary="Masked label tokens and words, by a head tied to the embeddings (Song et al. 2021 eq. 3, 5)",
        ),
        Component(
            kind="task",
            name="lmmtc/literal-bce",
            target="labelloom_lmmtc.literal_bce:LiteralBCE",
            needs=frozenset({"scores"}),
            trains="probabilities",
            summary="Cross-entropy of shown labels too, which leaks: eq. 4 to the letter (Song et al. 2021)",
        ),
    ]
