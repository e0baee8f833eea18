"""The records of the bundle `lwpt`."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    """Two label-wise encoders, twins, sampler and task of the pre-training, and the predictor over label vectors."""
    return [
        Component(
            kind="encoder",
            name="lwpt/lw-lstm",
            target="labelloom_lwpt.lw_lstm:LabelWiseLSTM",
            config="labelloom_lwpt.config:LabelWiseLSTMConfig",
            gives=frozenset({"tokens", "document", "labels"}),
            summary="A BiLSTM over words and one attention a label (Liu et al. 2020 eq. 4-6)",
        ),
        Component(
            kind="encoder",
            name="lwpt/hlw-lstm",
            target="labelloom_lwpt.hlw_lstm:HierarchicalLabelWiseLSTM",
            config="labelloom_lwpt.config:HierarchicalConfig",
            gives=frozenset({"tokens", "document", "labels"}),
            summary="The same over words, then over sentences (Liu et al. 2020 eq. 7-12)",
        ),
        Component(
            kind="encoder",
            name="lwpt/paired",
            target="labelloom_lwpt.paired:Paired",
            config="labelloom_lwpt.config:PairedConfig",
            gives=frozenset({"labels"}),
            summary="A target and a candidate encoder side by side (Liu et al. 2020 eq. 13-15)",
        ),
        Component(
            kind="sampler",
            name="lwpt/candidates",
            target="labelloom_lwpt.candidates:Candidates",
            config="labelloom_lwpt.config:CandidatesConfig",
            gives=frozenset({"relation", "candidates", "role:target", "role:candidate"}),
            only_carried=True,
            summary="One label a document, another document that carries it and n - 1 that lack it (section 2.1)",
        ),
        Component(
            kind="task",
            name="lwpt/label-wise-ranking",
            target="labelloom_lwpt.ranking:LabelWiseRanking",
            needs=frozenset({"labels", "relation", "role:candidate"}),
            logs=frozenset({"accuracy"}),
            summary="By the label's vector the document that carries it is the nearest (Liu et al. 2020 eq. 3)",
        ),
        Component(
            kind="predictor",
            name="lwpt/label-wise-mlp",
            target="labelloom_lwpt.label_wise_mlp:LabelWiseMLP",
            config="labelloom_lwpt.config:LabelWiseMLPConfig",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            labels="all",
            summary="All label vectors, one after the other, to every score (Liu et al. 2020 eq. 16)",
        ),
    ]
