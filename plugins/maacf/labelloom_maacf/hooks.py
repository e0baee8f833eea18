"""The records of the bundle `maacf`."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    """Aspects, both sides of the co-attention, the predictor over them, its loss and what draws labels for it."""
    return [
        Component(
            kind="encoder",
            name="maacf/multi-aspect",
            target="labelloom_maacf.multi_aspect:MultiAspect",
            config="labelloom_maacf.config:MultiAspectConfig",
            gives=frozenset({"aspects", "document"}),
            summary="Several encoders side by side, an aspect of the document each (Wang et al. 2023 section 3.2.2)",
        ),
        Component(
            kind="label_module",
            name="maacf/label-groups",
            target="labelloom_maacf.label_groups:LabelGroups",
            config="labelloom_maacf.config:LabelGroupsConfig",
            needs=frozenset({"aspects", "label_table"}),
            gives=frozenset({"labels"}),
            summary="Each label with its nearest others, as the document weighs them (Wang et al. 2023 eq. 1-8)",
        ),
        Component(
            kind="label_module",
            name="maacf/co-attention",
            target="labelloom_maacf.co_attention:CoAttention",
            config="labelloom_maacf.config:CoAttentionConfig",
            needs=frozenset({"aspects", "label_table"}),
            gives=frozenset({"maacf.text"}),
            axes={"maacf.text": "BCD"},
            summary="A document's aspects, as each label weighs them (Wang et al. 2023 section 3.2.2)",
        ),
        Component(
            kind="predictor",
            name="maacf/ncf",
            target="labelloom_maacf.ncf:CollaborativeFiltering",
            config="labelloom_maacf.config:NCFConfig",
            needs=frozenset({"maacf.text", "labels"}),
            gives=frozenset({"scores"}),
            summary="A perceptron over a text's and a label's vector: neural collaborative filtering (eq. 9)",
        ),
        Component(
            kind="task",
            name="maacf/bpr",
            target="labelloom_maacf.bpr:BayesianPersonalisedRanking",
            config="labelloom_maacf.config:BPRConfig",
            needs=frozenset({"scores"}),
            trains="ranks",
            summary="Labels that a document carries above labels that it lacks (Wang et al. 2023 eq. 10)",
        ),
        Component(
            kind="sampler",
            name="maacf/negative-labels",
            target="labelloom_maacf.negative_labels:NegativeLabels",
            config="labelloom_maacf.config:NegativeLabelsConfig",
            gives=frozenset({"candidates"}),
            summary="A document's labels and a few that it lacks (Wang et al. 2023 section 3.3)",
        ),
    ]
