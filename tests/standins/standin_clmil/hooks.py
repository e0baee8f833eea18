"""The records."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    return [
        Component(
            kind="sampler",
            name="clmil/label-frequency-contrast",
            target="standin_clmil.parts:LabelFrequencyContrast",
            config="standin_clmil.config:ContrastConfig",
            gives=frozenset({"relation"}),
            summary="Documents with a rare label, their second pass, and documents without related labels",
        ),
        Component(
            kind="task",
            name="clmil/info-nce",
            target="standin_clmil.parts:InfoNCE",
            needs=frozenset({"document", "relation"}),
            summary="A document is nearer to its second pass than to its negatives",
        ),
        Component(
            kind="label_module",
            name="clmil/dilated-gated-cnn",
            target="standin_clmil.parts:DilatedGatedCNN",
            needs=frozenset({"tokens"}),
            gives=frozenset({"document"}),
            summary="Residual gated dilated convolutions over tokens, and their maximum",
        ),
        Component(
            kind="task",
            name="clmil/clrl",
            target="standin_clmil.parts:LabelRelations",
            needs=frozenset({"labels"}),
            summary="Whether two labels are related, indirectly related or irrelevant on a document",
        ),
    ]
