"""The records."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    return [
        Component(
            kind="encoder",
            name="maacf/multi-aspect",
            target="standin_maacf.parts:MultiAspect",
            config="standin_maacf.config:MultiAspectConfig",
            gives=frozenset({"aspects", "document"}),
            summary="Several encoders, a view each",
        ),
        Component(
            kind="label_module",
            name="maacf/label-groups",
            target="standin_maacf.parts:LabelGroups",
            needs=frozenset({"aspects", "label_table"}),
            gives=frozenset({"labels"}),
            summary="Each label with its neighbours, in view of the document",
        ),
        Component(
            kind="label_module",
            name="maacf/co-attention",
            target="standin_maacf.parts:CoAttention",
            needs=frozenset({"aspects", "label_table"}),
            gives=frozenset({"maacf.text"}),
            axes={"maacf.text": "BCD"},
            summary="The document in view of each label",
        ),
        Component(
            kind="predictor",
            name="maacf/ncf",
            target="standin_maacf.parts:NCF",
            config="standin_maacf.config:NCFConfig",
            needs=frozenset({"maacf.text", "labels"}),
            gives=frozenset({"scores"}),
            summary="An MLP over a text vector and a label vector",
        ),
        Component(
            kind="task",
            name="maacf/bpr",
            target="standin_maacf.parts:BPR",
            needs=frozenset({"scores"}),
            trains="ranks",
            summary="Labels that a document carries above those that it lacks",
        ),
        Component(
            kind="sampler",
            name="maacf/negative-labels",
            target="standin_maacf.parts:NegativeLabels",
            gives=frozenset({"candidates"}),
            summary="A document's labels and a few that it lacks",
        ),
    ]
