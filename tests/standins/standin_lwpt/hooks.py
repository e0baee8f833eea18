"""The records."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    return [
        Component(
            kind="encoder",
            name="lwpt/lw-lstm",
            target="standin_lwpt.parts:LabelWiseLSTM",
            config="standin_lwpt.config:LSTMConfig",
            gives=frozenset({"tokens", "document", "labels"}),
            summary="BiLSTM and one attention a label",
        ),
        Component(
            kind="encoder",
            name="lwpt/hlw-lstm",
            target="standin_lwpt.parts:HierarchicalLSTM",
            config="standin_lwpt.config:LSTMConfig",
            gives=frozenset({"tokens", "document", "labels"}),
            summary="The same over words, then over sentences",
        ),
        Component(
            kind="encoder",
            name="lwpt/paired",
            target="standin_lwpt.parts:Paired",
            config="standin_lwpt.config:PairedConfig",
            gives=frozenset({"labels"}),
            summary="A target and a candidate encoder",
        ),
        Component(
            kind="sampler",
            name="lwpt/candidates",
            target="standin_lwpt.samplers:Candidates",
            config="standin_lwpt.config:CandidatesConfig",
            gives=frozenset({"relation", "candidates", "role:target", "role:candidate"}),
            summary="One label a document, a document that carries it and some that do not",
        ),
        Component(
            kind="task",
            name="lwpt/label-wise-ranking",
            target="standin_lwpt.parts:LabelWiseRanking",
            needs=frozenset({"labels", "relation", "candidates"}),
            summary="The document with the same label is nearer than those without",
        ),
        Component(
            kind="predictor",
            name="lwpt/label-wise-mlp",
            target="standin_lwpt.parts:LabelWiseMLP",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            labels="all",
            summary="An MLP over all label vectors, one after the other",
        ),
    ]
