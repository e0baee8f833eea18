"""Predictors, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labelloom import Batch, Component, Context, Predictor, States
from labelloom.config import Config


class Dot(Predictor):
    """The product of the document and each label's vector."""

    component = Component(
        kind="predictor", needs=frozenset({"document", "labels | label_table"}), gives=frozenset({"scores"})
    )

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.project = nn.Linear(context.width("document"), context.width("labels", "label_table"))

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        labels = states.labels if states.labels is not None else states.first("label_table")(batch.label_ids)
        return states.add(scores=self.product(labels, self.project(states.first("document"))))

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        """(B, C) of labels (1 or B, C, K) and document (B, K)."""
        return (labels @ document[..., None])[..., 0]


class Weighted(Predictor):
    """One weight vector a label, looked up for those under consideration."""

    component = Component(kind="predictor", needs=frozenset({"document"}), gives=frozenset({"scores"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.weights = nn.Parameter(torch.randn(len(context.labels), context.width("document")))

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        return states.add(scores=(self.asked(batch) @ states.first("document")[..., None])[..., 0])

    def asked(self, batch: Batch) -> Tensor:
        """(1 or B, C, D)."""
        return batch.look_up(self.weights)


class Halves(Dot):
    """The product, keeping what comes from documents alone and what comes from labels alone."""

    component = replace(Dot.component, needs=frozenset({"document", "label_table"}))

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        document = batch.once(lambda: self.project(states.first("document")), self.path)
        labels = batch.once_for_labels(lambda: states.first("label_table")(batch.label_ids), self.path)
        return states.add(scores=self.product(labels, document))


class Whole(Dot):
    """It normalises over every label, and says that it works on no fewer."""

    component = replace(Dot.component, labels="all")

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        """(B, L)."""
        return super().product(labels, document).log_softmax(-1)


class Chosen(Dot):
    """The product, of a label's vectors the longer half alone: a choice by labels has no gradient."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        """(B, C)."""
        with torch.no_grad():
            long = labels.abs() >= labels.abs().median(-1, keepdim=True).values
        return super().product(labels * long, document)


# Wrong ones.


class TakesLabelsAsTheyAre(Dot):
    """Nothing that made the labels' vectors learns through it."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        return super().product(labels.detach(), document)


class DetachedInTraining(Dot):
    """Only in training it cuts the document off."""

    def forward(self, states: States, batch: Batch) -> States:
        document = states.first("document")
        return super().forward(states.add(document=document.detach() if self.training else document), batch)


class LogitByHand(Dot):
    """It turns a cosine into a probability and that into its logit, in whatever precision it is."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        cosine = F.normalize(labels, dim=-1) @ F.normalize(document, dim=-1)[..., None]
        probabilities = (cosine[..., 0].to(labels.dtype) * 12).sigmoid()
        return (probabilities + 1e-5).log() - (1 - probabilities + 1e-5).log()


class EveryLabel(Weighted):
    """It scores every label, whichever are asked about."""

    def asked(self, batch: Batch) -> Tensor:
        return self.weights[None]


class FirstLabels(Weighted):
    """It scores the first C labels, whichever are asked about."""

    def asked(self, batch: Batch) -> Tensor:
        return self.weights[None, : batch.label_ids.shape[1]]


class FirstDocumentsLabels(Weighted):
    """It takes the first document's labels for those of all."""

    def asked(self, batch: Batch) -> Tensor:
        return self.weights[batch.label_ids[:1]]


class Normalised(Dot):
    """It normalises over the labels under consideration, and yet says that it works on any of them."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        return super().product(labels, document).log_softmax(-1)


class Squeezed(Dot):
    """It squeezes every axis of length 1, and one document, or one label, is such an axis."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        return (labels @ document[..., None]).squeeze()


class Column(Dot):
    """Its scores have an axis too many."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        return labels @ document[..., None]


class TopOnly(Dot):
    """It keeps the scores of the batch's best labels, so a document's depend on the others'."""

    def product(self, labels: Tensor, document: Tensor) -> Tensor:
        scores = super().product(labels, document)
        return scores.where(scores >= scores.mean(), scores.new_tensor(-30.0))


class KeepsLabels(Dot):
    """It keeps label vectors while documents stay the same, though these change from chunk to chunk."""

    def forward(self, states: States, batch: Batch) -> States:
        labels = states.labels if states.labels is not None else states.first("label_table")(batch.label_ids)
        kept = batch.once(lambda: labels, self.path)
        return states.add(scores=self.product(kept, self.project(states.first("document"))))


class KeepsDocuments(Dot):
    """It keeps the product with documents as if it came from labels alone, though documents change."""

    def forward(self, states: States, batch: Batch) -> States:
        labels = states.labels if states.labels is not None else states.first("label_table")(batch.label_ids)
        document = batch.once_for_labels(lambda: self.project(states.first("document")), self.path)
        return states.add(scores=self.product(labels, document))
