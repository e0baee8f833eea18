"""The records of the bundle `laco`."""

from __future__ import annotations

from labelloom import Component, ExtraMetric, Section, hookimpl


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


@hookimpl
def labelloom_metrics() -> list[ExtraMetric]:
    """Whether labels go together in answers as they do in truth."""
    return [
        ExtraMetric(
            name="laco/conditional-kl",
            target="labelloom_laco.correlation.conditionals:conditional_kl",
            higher_is_better=False,
            summary="How far answers are from the truth in which labels go together (Zhang et al. 2021 eq. 8)",
        ),
        ExtraMetric(
            name="laco/label-combinations",
            target="labelloom_laco.correlation.combinations:label_combinations",
            summary="How many different label sets are answered (Zhang et al. 2021 table 6)",
        ),
    ]


@hookimpl
def labelloom_sections() -> list[Section]:
    """The same in tables, with the pairs that are worst."""
    return [
        Section(
            name="laco/label-correlation",
            target="labelloom_laco.correlation.section:label_correlation",
            title="Which labels go together",
            needs=frozenset({"training corpus"}),
            summary="Co-occurrence of labels in answers and in truth (Zhang et al. 2021 sections 5.4 and 5.5)",
        ),
    ]
