"""The records."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    return [
        Component(
            kind="encoder",
            name="laco/joint-encoder",
            target="standin_laco.parts:JointEncoder",
            config="standin_laco.config:JointEncoderConfig",
            gives=frozenset({"tokens", "document", "labels"}),
            stage_options=frozenset({"text_alone"}),
            summary="Document and label tokens in one input",
        ),
        Component(
            kind="label_module",
            name="laco/cross-attention",
            target="standin_laco.parts:CrossAttention",
            config="standin_laco.config:CrossAttentionConfig",
            needs=frozenset({"tokens", "labels | label_table"}),
            gives=frozenset({"document"}),
            labels="all",
            summary="Document vector weighted by document-label compatibility",
        ),
        Component(
            kind="task",
            name="laco/plcp",
            target="standin_laco.parts:PairwiseCooccurrence",
            needs=frozenset({"labels"}),
            summary="Whether two labels go together on a document",
        ),
        Component(
            kind="task",
            name="laco/clcp",
            target="standin_laco.parts:ConditionalCooccurrence",
            needs=frozenset({"labels"}),
            summary="The other labels, given one",
        ),
    ]
