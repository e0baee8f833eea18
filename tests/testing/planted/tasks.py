"""Tasks, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom import Batch, Component, Context, Loss, States, Targets, Task
from labelloom.config import Config


class Likelihood(Task):
    """The cross-entropy of each label that counts."""

    component = Component(kind="task", needs=frozenset({"scores"}), trains="probabilities")

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over the labels that count."""
        counting = self.counting(batch)
        scores = states.first("scores").float().masked_fill(~counting, 0)
        truth = targets.dense(batch.label_ids)
        losses = F.binary_cross_entropy_with_logits(scores, truth.float(), reduction="none")  # (B, C)
        return self.summed(losses, counting, truth)

    def counting(self, batch: Batch) -> Tensor:
        """(B, C) bool."""
        return batch.countable

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        """The loss of (B, C) losses."""
        return Loss.over(losses, counting)


class Cardinality(Task):
    """How many labels a document has, and how often it was about right."""

    component = Component(kind="task", needs=frozenset({"document"}), logs=frozenset({"right"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("document"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum of squares over anchors."""
        document = self.noisy(states.first("document"), batch)
        error = self.out(document)[:, 0] - (targets.dense(batch.label_ids) & batch.countable).sum(1)
        loss = Loss.over(error**2, batch.is_anchor)
        return Loss(loss.total, loss.count, self.logged(error.abs() < 0.5, batch.is_anchor))

    def noisy(self, document: Tensor, batch: Batch) -> Tensor:
        """(B, D) of (B, D): numbers of the document that are hidden by random choice."""
        return document * (batch.noise(document.shape[1], self.path) >= 0.1)

    def logged(self, right: Tensor, counting: Tensor) -> dict[str, Tensor]:
        """The logs of what is right, (B,) each."""
        return {"right": (right & counting).sum().float()}


class Contrast(Task):
    """A document is nearer to its positives than to its negatives."""

    component = Component(kind="task", needs=frozenset({"document", "relation"}))

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over pairs of an anchor and a positive."""
        assert batch.relation is not None
        vectors = F.normalize(states.first("document").float(), dim=-1)
        near = vectors @ vectors.mT / 0.1  # (B, B)
        others = near.masked_fill(batch.relation == 0, torch.finfo(near.dtype).min)
        losses = others.logsumexp(1, keepdim=True) - near
        return Loss.over(losses, (batch.relation > 0) & batch.is_anchor[:, None])


class Views(Task):
    """A document is near to its second view, a role that nothing installed draws."""

    component = Component(kind="task", needs=frozenset({"document", "role:view"}))

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over anchors that have a view."""
        views = batch.where("view")
        document = states.first("document").float()
        same = (batch.rows[:, None] == batch.rows[views]).float()  # (B, V)
        apart = document - same @ self.viewed(document[views]) / same.sum(1, keepdim=True).clamp(min=1)
        return Loss.over((apart**2).sum(1), batch.is_anchor & (same.sum(1) > 0))

    def viewed(self, document: Tensor) -> Tensor:
        """(V, D)."""
        return document


# Which labels count.


class CountsPadding(Likelihood):
    """It counts places of `label_ids` that hold no label."""

    def counting(self, batch: Batch) -> Tensor:
        return ~batch.visible & batch.is_anchor[:, None]


class CountsVisible(Likelihood):
    """It counts labels that the input tells, so that copying the input earns something."""

    def counting(self, batch: Batch) -> Tensor:
        return batch.label_mask & batch.is_anchor[:, None]


class CountsAdded(Likelihood):
    """It counts rows that samplers added."""

    def counting(self, batch: Batch) -> Tensor:
        return batch.label_mask & ~batch.visible


class MasksTooLate(Likelihood):
    """It leaves out what does not count after the loss: NaN there reaches the gradient all the same."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        truth = targets.dense(batch.label_ids).float()
        losses = F.binary_cross_entropy_with_logits(states.first("scores").float(), truth, reduction="none")
        return Loss.over(losses, batch.countable)


class IdsForPlaces(Likelihood):
    """It asks for the truth of the first C labels, whichever are asked about."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        places = torch.arange(batch.label_ids.shape[1], device=batch.rows.device)[None]
        scores = states.first("scores").float().masked_fill(~batch.countable, 0)
        truth = targets.dense(places).float()
        return Loss.over(F.binary_cross_entropy_with_logits(scores, truth, reduction="none"), batch.countable)


class MeanOverPadding(Task):
    """The cardinality from a mean of the tokens that runs over padding."""

    component = Component(kind="task", needs=frozenset({"tokens"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("tokens"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        guess = self.out(states.first("tokens").mean(1)).float()[:, 0]
        return Loss.over((guess - (targets.dense(batch.label_ids) & batch.countable).sum(1)) ** 2, batch.is_anchor)


# What a loss is.


class MeanForTotal(Likelihood):
    """Its total is a mean already, which the loop divides once more."""

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        loss = Loss.over(losses, counting)
        return Loss(loss.total / loss.count.clamp(min=1), loss.count)


class CountsOne(Likelihood):
    """It is the mean of a batch and counts 1, so that a small rest of an epoch weighs as much as a batch."""

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        loss = Loss.over(losses, counting)
        return Loss(loss.total / loss.count.clamp(min=1), (loss.count > 0).float())


class PerPositive(Likelihood):
    """It divides by the labels that documents carry, of which there may be none."""

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        share = (losses * counting).sum(1) / (truth & counting).sum(1)
        return Loss(share.sum(), counting.any(1).sum().float())


class WantsALabel(Likelihood):
    """It checks the labels that documents carry, and fails where they carry none."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        assert targets.values.max() < targets.label_count
        return super().forward(states, batch, targets)


class Disconnected(Likelihood):
    """Where nothing counts it returns a fresh zero, through which no gradient goes."""

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        if not counting.any():
            return Loss(torch.zeros(()), torch.zeros(()))
        return Loss.over(losses, counting)


class CountsNothingAsOne(Likelihood):
    """Where nothing counts it counts 1, a step that weighs and has no loss."""

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        loss = Loss.over(losses, counting)
        return Loss(loss.total, loss.count.clamp(min=1))


class Unsummed(Likelihood):
    """It returns the losses of documents and not their sum."""

    def summed(self, losses: Tensor, counting: Tensor, truth: Tensor) -> Loss:
        return Loss((losses * counting).sum(1), counting.sum().float())


class HalfScores(Likelihood):
    """It computes its loss in the precision of the scores, where sums of many labels lose their small parts."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        scores = states.first("scores").masked_fill(~batch.countable, 0)
        losses = F.softplus(scores) - targets.dense(batch.label_ids) * scores
        return Loss((losses * batch.countable).sum(), batch.countable.sum().float())


class Inverted(Likelihood):
    """It takes the labels that a document lacks for those that it carries."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        return super().forward(states.add(scores=-states.first("scores")), batch, targets)


# Records, random choices, logs.


class ReadsDocument(Likelihood):
    """It reads the document, which its record does not say."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        loss = super().forward(states, batch, targets)
        return Loss(loss.total + (states.first("document") ** 2).sum(), loss.count)


class ReadsRelation(Likelihood):
    """It reads relations, which its record does not say."""

    def counting(self, batch: Batch) -> Tensor:
        assert batch.relation is not None
        return batch.countable & (batch.relation >= 0).all(1, keepdim=True)


class ReadsRoles(Likelihood):
    """It leaves out the rows of a role, which its record does not name."""

    def counting(self, batch: Batch) -> Tensor:
        counting = batch.countable.clone()
        counting[batch.where("second")] = False
        return counting


class ViewsThatAreNot(Views):
    """Without a view it divides by none: what is drawn is made up from its record, and so this is found."""

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        apart = states.first("document")[batch.where("view")].float() ** 2
        return Loss(apart.mean(), batch.is_anchor.sum().float())


class Starves(Cardinality):
    """It learns from the document, and lets nobody learn through it."""

    def noisy(self, document: Tensor, batch: Batch) -> Tensor:
        return super().noisy(document.detach(), batch)


class NeedsMore(Likelihood):
    """Its record needs tokens, which it never reads: specs without any are refused for nothing."""

    component = replace(Likelihood.component, needs=frozenset({"scores", "tokens"}))


class GlobalChoice(Cardinality):
    """Its random choices come from torch's global generator, so they are others after a resume."""

    def noisy(self, document: Tensor, batch: Batch) -> Tensor:
        return document * (torch.rand_like(document) >= 0.1)


class LogsMean(Cardinality):
    """What it logs is a share already, which validation divides once more."""

    def logged(self, right: Tensor, counting: Tensor) -> dict[str, Tensor]:
        return {"right": (right & counting).sum() / counting.sum().clamp(min=1)}


class LogsMore(Cardinality):
    """It logs what its record does not name."""

    def logged(self, right: Tensor, counting: Tensor) -> dict[str, Tensor]:
        return {**super().logged(right, counting), "wrong": (~right & counting).sum().float()}


class LogsNothing(Cardinality):
    """It never logs what its record names, which a spec may choose the best checkpoint by."""

    def logged(self, right: Tensor, counting: Tensor) -> dict[str, Tensor]:
        return {}
