"""The records of the bundle `tiny`."""

from __future__ import annotations

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components() -> list[Component]:
    return [
        Component(
            kind="encoder",
            name="tiny/bag",
            target="labelloom_tiny.parts:Bag",
            config="labelloom_tiny.config:BagConfig",
            gives=frozenset({"tokens", "document"}),
            stage_options=frozenset({"pooling"}),
            summary="A bag of words",
        ),
        Component(
            kind="encoder",
            name="tiny/outer",
            target="labelloom_tiny.parts:Outer",
            config="labelloom_tiny.config:OuterConfig",
            gives=frozenset({"tokens", "document"}),
            summary="An encoder that holds another one",
        ),
        Component(
            kind="encoder",
            name="tiny/held",
            target="labelloom_tiny.parts:Outer",
            config="labelloom_tiny.config:OuterConfig",
            summary="What its parts make",
        ),
        Component(
            kind="predictor",
            name="tiny/whole",
            target="labelloom_tiny.parts:LabelLinear",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            labels="all",
            summary="The same, on every label alone",
        ),
        Component(
            kind="label_module",
            name="tiny/attention",
            target="labelloom_tiny.parts:Attention",
            needs=frozenset({"tokens"}),
            gives=frozenset({"labels"}),
            summary="One attention a label",
        ),
        Component(
            kind="predictor",
            name="tiny/linear",
            target="labelloom_tiny.parts:Linear",
            needs=frozenset({"document"}),
            gives=frozenset({"scores"}),
            summary="One weight vector a label",
        ),
        Component(
            kind="predictor",
            name="tiny/label-linear",
            target="labelloom_tiny.parts:LabelLinear",
            needs=frozenset({"labels"}),
            gives=frozenset({"scores"}),
            summary="One weight vector over label vectors",
        ),
        Component(
            kind="task",
            name="tiny/bce",
            target="labelloom_tiny.parts:BCE",
            config="labelloom_tiny.config:BCEConfig",
            needs=frozenset({"scores"}),
            trains="probabilities",
            summary="Cross-entropy of every label",
        ),
        Component(
            kind="task",
            name="tiny/rank",
            target="labelloom_tiny.parts:BCE",
            config="labelloom_tiny.config:BCEConfig",
            needs=frozenset({"scores"}),
            trains="ranks",
            summary="The same, said to rank only",
        ),
        Component(
            kind="task",
            name="tiny/table-norm",
            target="labelloom_tiny.parts:TableNorm",
            needs=frozenset({"label_table"}),
            summary="The squared length of the label vectors",
        ),
        Component(
            kind="label_module",
            name="tiny/table",
            target="labelloom_tiny.parts:Table",
            needs=frozenset({"tokens"}),
            gives=frozenset({"label_table"}),
            summary="One vector a label",
        ),
        Component(
            kind="task",
            name="tiny/norm",
            target="labelloom_tiny.parts:Norm",
            needs=frozenset({"document"}),
            summary="The squared length of the document vector",
        ),
        Component(
            kind="sampler",
            name="tiny/negatives",
            target="labelloom_tiny.parts:Negatives",
            gives=frozenset({"candidates"}),
            summary="A document's labels and two others",
        ),
    ]
