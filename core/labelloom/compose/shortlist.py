"""The shortlist of a document: the few labels, by the vectors of labels, that a model with very many of them scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from labelloom.bundles import Catalogue
from labelloom.components import WHAT_SCORES_DO
from labelloom.compose.best import Best
from labelloom.compose.flow import Flow, live_paths
from labelloom.compose.iteration import iterative_nodes
from labelloom.compose.label_index import LabelIndex, faiss
from labelloom.errors import RunError
from labelloom.interfaces import LabelTable

if TYPE_CHECKING:
    from labelloom.compose.model import Model

Index = Literal["torch", "faiss"]
INDEXES: tuple[Index, ...] = get_args(Index)

_LABELS = 4096
"""Labels that are compared at once."""


class Shortlist:
    """Chooses the `count` labels of each document whose vectors in `label_table` meet it with the highest product.

    A document is its `aspects`, the best of which counts for a label, or its `document`: whichever the label side of
    the model reads, and as it is where the label side begins. With the index "torch" a document is compared with every
    label, and the vectors are looked up chunk by chunk. With "faiss" it is compared with the labels of a part of the
    clusters that the vectors were put into when it first chose; so it is for a model that is trained no more, and holds
    a copy of all vectors.

    query       the field that documents are compared by
    table_live  the paths of the parts that `label_table` rests on

    Raises ValueError for a `count` below 1 and another index; RunError for a model that cannot score a few labels of
    each document, or whose documents and labels cannot be compared, and where faiss is asked for and missing.
    """

    query: str
    table_live: frozenset[str]

    def __init__(self, model: Model, count: int, index: Index = "torch") -> None:
        if count < 1:
            raise ValueError(f"a shortlist must have at least 1 label, not {count}")
        if index not in INDEXES:
            raise ValueError(f"the index of a shortlist must be one of {', '.join(INDEXES)}, not {index!r}")
        self.count = count
        self.index = index
        _refuse_what_needs_every_label(model)
        self.query, self.table_live = _sides(model)
        if index == "faiss":
            faiss()
        self._clusters: LabelIndex | None = None

    def labels(self, documents: Tensor, table: LabelTable, label_count: int) -> Tensor:
        """(B, min(count, L)) int64: the labels of each document, ascending.

        `documents` (B, D) or (B, A, D) are the field `query`. With "torch" equal products stand in the order of their
        labels, and a document without a number in it has the first labels.
        """
        views = (documents if documents.dim() == 3 else documents[:, None]).float()
        count = min(self.count, label_count)
        if self.index == "torch":
            found = nearest(views, table, label_count, count)
        else:
            if self._clusters is None:
                self._clusters = LabelIndex(table, label_count, views.device)
            found = self._clusters.nearest(views, count)
        return found.sort(1).values


def nearest(views: Tensor, table: LabelTable, label_count: int, count: int) -> Tensor:
    """(B, count) int64: of all labels those with the highest product with any of `views` (B, A, D), best first."""
    best = Best(count)
    for ids in torch.arange(label_count, device=views.device).split(_LABELS):
        best.add((views @ table(ids).float().mT).amax(1), ids)
    return best.result()[0]


def _refuse_what_needs_every_label(model: Model) -> None:
    plan = model.plan
    every = [node.title for node in plan.nodes if node.path in model.inference and node.signature.labels == "all"]
    if model.scale == "distribution":
        raise _refused(f"its scores {WHAT_SCORES_DO[model.scale]}, and each needs those of all others")
    if passes := iterative_nodes(plan, model.inference):
        raise _refused(f"{passes[0].title} predicts in several passes, each of which scores every label")
    if every:
        raise _refused(f"{every[0]} works only on every label")
    if len(plan.branches) > 1:
        names = ", ".join(branch.name for branch in plan.branches)
        raise _refused(f"it averages the branches {names}, and a shortlist is made for one")


def _sides(model: Model) -> tuple[str, frozenset[str]]:
    """The field that a document is compared by, and the paths of the parts that the table of labels rests on."""
    once, rest = model.split()
    nodes = [node for node in (*model.plan.trunk, *model.plan.branches[0].nodes) if node.path in model.inference]
    flow = Flow().run(nodes)
    if "label_table" not in flow.given_by:
        suppliers = [found for found in Catalogue().suppliers("label_table") if found.kind != "predictor"]
        raise _refused(
            "its scores rest on no label_table: one vector a label, whatever the document",
            *(f"a model with {found.name}: {found.summary}" for found in suppliers),
        )
    there = Flow().run(node for node in nodes if node.path in once).given_by
    read = {name for node in nodes if node.path in rest for name in node.reads}
    fields = [name for name in ("aspects", "document") if name in there]
    if not fields:
        raise _refused("no part of it gives document or aspects: a vector that a document is compared by")
    query = next((name for name in fields if name in read), fields[0])
    giver, table = there[query], flow.given_by["label_table"]
    widths = [model.part(giver.path).widths[query], model.part(table.path).widths["label_table"]]
    ours, theirs = (width if isinstance(width, int) else width[1] for width in widths)
    if ours != theirs:
        raise _refused(
            f"{query} of {giver.title} has {ours} numbers, label_table of {table.title} {theirs}: vectors of different "
            "widths have no product",
            "train a model in which both are as wide",
        )
    return query, frozenset(live_paths(flow, {"label_table": table}))


def _refused(why: str, *suggestions: str) -> RunError:
    return RunError(f"this model cannot work with a shortlist of labels: {why}", suggestions=suggestions)
