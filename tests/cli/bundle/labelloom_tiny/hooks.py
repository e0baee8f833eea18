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
            stage_options=frozenset(),
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
            stage_options=frozenset({"scale"}),
            summary="Cross-entropy of every label",
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
