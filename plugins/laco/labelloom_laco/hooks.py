"""The records of the bundle `laco`."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    """The joint encoder, the cross attention, PLCP and CLCP."""
    return [
        Component(
            kind="encoder",
            name="laco/joint-encoder",
            target="labelloom_laco.joint_encoder:JointEncoder",
            config="labelloom_laco.config:JointEncoderConfig",
            gives=frozenset({"tokens", "document", "labels"}),
            stage_options=frozenset({"dropout", "text_alone"}),
            summary="Document and labels in one input of a transformer (Zhang et al. 2021 section 3.2)",
        ),
        Component(
            kind="label_module",
            name="laco/cross-attention",
            target="labelloom_laco.cross_attention:CrossAttention",
            config="labelloom_laco.config:CrossAttentionConfig",
            needs=frozenset({"tokens", "labels | label_table"}),
            gives=frozenset({"document"}),
            labels="all",
            summary="Words weighted by how well they go with some label (Zhang et al. 2021 eq. 1-2)",
        ),
        Component(
            kind="task",
            name="laco/plcp",
            target="labelloom_laco.plcp:PairwiseCooccurrence",
            config="labelloom_laco.config:PairwiseConfig",
            needs=frozenset({"labels"}),
            summary="Whether two labels go together on the document (Zhang et al. 2021 eq. 5)",
        ),
        Component(
            kind="task",
            name="laco/clcp",
            target="labelloom_laco.clcp:ConditionalCooccurrence",
            config="labelloom_laco.config:ConditionalConfig",
            needs=frozenset({"labels"}),
            summary="Which other labels the document has, given some of them (Zhang et al. 2021 eq. 6)",
        ),
    ]
