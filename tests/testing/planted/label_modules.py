"""Label modules, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from labelloom import Batch, Component, Context, LabelModule, States
from labelloom.config import Config
from labelloom.interfaces import masked_mean, masked_softmax

from .config import BagConfig
from .records import code


class Sharpen(LabelModule):
    """Label vectors look at the tokens once more: `labels` (B, C, K)."""

    component = Component(kind="label_module", needs=frozenset({"labels", "tokens"}), gives=frozenset({"labels"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        width = context.width("labels")
        self.query = nn.Linear(width, context.width("tokens"))
        self.back = nn.Linear(context.width("tokens"), width)
        self.widths = {"labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with labels."""
        return states.add(labels=self.joined(states.first("labels"), self.found(states)))

    def found(self, states: States) -> Tensor:
        """(B, C, K): what each label finds in the document."""
        tokens = states.first("tokens")
        weights = self.weights(self.query(states.first("labels")) @ tokens.mT, states.first("token_mask")[:, None])
        return self.back(weights @ tokens)

    def weights(self, scores: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T) of scores (B, C, T) and mask (B, 1, T)."""
        return masked_softmax(scores, mask)

    def joined(self, labels: Tensor, found: Tensor) -> Tensor:
        """(B, C, K)."""
        return labels + found


class Table(LabelModule):
    """One trained vector a label: `label_table`, ids (...) to (..., K)."""

    component = Component(kind="label_module", config=code(BagConfig), gives=frozenset({"label_table"}))

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.vectors = nn.Embedding(len(context.labels), config.width)
        self.widths = {"label_table": config.width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with label_table."""
        return states.add(label_table=self.look_up)

    def look_up(self, ids: Tensor) -> Tensor:
        """(..., K) of ids (...)."""
        return self.vectors(ids)


class Aware(LabelModule):
    """A document that every label weighs: `document` (B, H), from all L labels."""

    component = Component(
        kind="label_module",
        needs=frozenset({"document", "labels | label_table"}),
        gives=frozenset({"document"}),
        labels="all",
    )

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        width = context.width("document")
        self.gate = nn.Linear(context.width("labels", "label_table"), width)
        self.widths = {"document": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with document."""
        labels = states.labels if states.labels is not None else states.first("label_table")(batch.label_ids)
        return states.add(document=states.first("document") * self.gate(labels).mean(1).sigmoid())


class Own(LabelModule):
    """A field of the bundle's own, "planted.view" (B, C, K): label vectors weighed by the document."""

    component = Component(
        kind="label_module",
        needs=frozenset({"document", "labels"}),
        gives=frozenset({"planted.view"}),
        axes={"planted.view": "BCK"},
    )

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.gate = nn.Linear(context.width("document"), context.width("labels"))
        self.widths = {"planted.view": context.width("labels")}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with planted.view."""
        return states.add({"planted.view": self.view(states)})

    def view(self, states: States) -> Tensor:
        """(B, C, K)."""
        return states.first("labels") * self.gate(states.first("document"))[:, None].sigmoid()


class Hinted(Table):
    """A table moved by the mean of the tokens, where there are any: of labels in view of the document."""

    component = replace(Table.component, needs=frozenset({"tokens?"}), gives=frozenset({"labels"}))

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.hint = nn.Linear(context.width("tokens"), config.width) if "tokens" in context.widths else None
        self.widths = {"labels": config.width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with labels."""
        labels = self.vectors(batch.label_ids).expand(len(batch), -1, -1)
        if self.hint is None:
            return states.add(labels=labels)
        mean = masked_mean(states.first("tokens"), states.first("token_mask"))
        return states.add(labels=labels + self.hint(mean)[:, None])


# What is wrong with looking at tokens.


class SoftmaxOverPadding(Sharpen):
    """Its attention gives weight to padding."""

    def weights(self, scores: Tensor, mask: Tensor) -> Tensor:
        return scores.softmax(-1)


class MaskedWithInfinity(Sharpen):
    """A document without a word has the weights 0 / 0."""

    def weights(self, scores: Tensor, mask: Tensor) -> Tensor:
        return scores.masked_fill(~mask, float("-inf")).softmax(-1)


class Detached(Sharpen):
    """It learns from tokens and lets nobody learn through them: whatever reads texts stays as it starts."""

    def found(self, states: States) -> Tensor:
        return super().found(states.add(tokens=states.first("tokens").detach()))


# What is wrong with labels.


class CentredOnLabels(Sharpen):
    """It centres on the labels under consideration, and yet says that it works on any of them."""

    def joined(self, labels: Tensor, found: Tensor) -> Tensor:
        joined = labels + found
        return joined - joined.mean(1, keepdim=True)


class ByPlace(Sharpen):
    """A label's vector depends on the place at which it is asked about."""

    def joined(self, labels: Tensor, found: Tensor) -> Tensor:
        return labels + found * torch.arange(1, labels.shape[1] + 1, device=labels.device)[:, None]


class InPlace(Sharpen):
    """It changes the label vectors that others read too."""

    def joined(self, labels: Tensor, found: Tensor) -> Tensor:
        labels.data += found
        return labels


class TableOfShared(Table):
    """Its table takes only ids of the shape (1, C)."""

    def look_up(self, ids: Tensor) -> Tensor:
        return self.vectors(ids[0])[None]


class TableOfDocuments(Table):
    """Its table depends on the document, though it is the same for all by its name."""

    component = replace(Table.component, needs=frozenset({"document"}))

    def forward(self, states: States, batch: Batch) -> States:
        mean = states.first("document").mean()
        return states.add(label_table=lambda ids: self.vectors(ids) * (1 + mean))


# What is wrong with records.


class ReadsDocument(Sharpen):
    """It reads the document, which its record does not say."""

    def found(self, states: States) -> Tensor:
        return super().found(states) * states.first("document").mean(-1)[:, None, None]


class ReadsTableIfThere(Sharpen):
    """It reads a label table where there is one, which its record does not say."""

    def forward(self, states: States, batch: Batch) -> States:
        made = super().forward(states, batch)
        if states.label_table is None:
            return made
        return made.add(labels=made.first("labels") + states.label_table(batch.label_ids).mean(-1, keepdim=True))


class ReadsRoles(Sharpen):
    """It takes the rows with a role for others, which its record does not say."""

    def forward(self, states: States, batch: Batch) -> States:
        made = super().forward(states, batch)
        labels = made.first("labels").clone()
        labels[batch.where("second")] = 0
        return made.add(labels=labels)


class ReadsAnyRole(Sharpen):
    """It halves the rows with any role, which its record does not say."""

    def forward(self, states: States, batch: Batch) -> States:
        made = super().forward(states, batch)
        return made if batch.roles is None else made.add(labels=made.first("labels") / 2)


class StartsAnew(Sharpen):
    """It returns states of its own and drops what was there."""

    def forward(self, states: States, batch: Batch) -> States:
        return States(labels=super().forward(states, batch).labels)


class WrongAxes(Own):
    """Its own field has a vector a document, where its record says one a label."""

    def view(self, states: States) -> Tensor:
        return super().view(states).mean(1)


class Upstream(Own):
    """Its own field says to be on the document side, and is made of labels."""

    component = replace(Own.component, axes={"planted.view": "BAD"})
