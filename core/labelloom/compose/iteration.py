"""Predictions in several passes: which part tells each pass what the one before was sure of, and whether it can."""

from __future__ import annotations

from collections.abc import Iterator

from labelloom.components import WHAT_SCORES_DO, Scale
from labelloom.compose.plan import ModelPlan, Node
from labelloom.errors import Problem


def iterative_nodes(model: ModelPlan, inference: frozenset[str]) -> list[Node]:
    """The parts that predictions rest on, held ones too, that make them take several passes."""
    live = (node for top in model.nodes if top.path in inference for node in top.walk())
    return [node for node in live if node.signature.iterative]


def iteration_problems(model: ModelPlan, inference: frozenset[str], scale: Scale) -> Iterator[Problem]:
    """What does not fit: two parts that tell, one that does not read what is told, scores that are no probabilities."""
    nodes = iterative_nodes(model, inference)
    for node in nodes[1:]:
        yield Problem(
            node.key,
            f"{nodes[0].title} and {node.title} both say which labels a pass of a prediction tells the next",
            (f"let {nodes[0].key} alone say it, and give {node.key} options of its own: all parts read what is told",),
        )
    for node in nodes[:1]:
        if "given" not in node.reads:
            yield Problem(
                node.key,
                f"{node.component.name} would predict in several passes, each told labels that the one before was sure "
                "of, but with these options it does not read what it is told of labels (given)",
            )
        if scale != "probabilities":
            yield Problem(
                node.key,
                f"{node.component.name} predicts in several passes, each told labels that the one before was sure of; "
                f"probabilities say how sure, but under the losses of this model the scores {WHAT_SCORES_DO[scale]}",
                ("predict in one pass", "train the scores with a loss of probabilities"),
            )
