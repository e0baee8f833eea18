"""`clmil/clrl`: constraint label relations learning (Li et al. 2023 eq. 9-12)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Loss, States, Targets, Task
from labelloom_clmil.config import LabelRelationsConfig
from labelloom_clmil.frequent_pairs import frequent_pairs, is_frequent
from labelloom_standard.pairs import draw_one, pair_noise, vectors_at

RELATED, INDIRECT, IRRELEVANT = 0, 1, 2
"""The classes of a pair: Y+, Y* and Y- of table 1."""


class ConstraintLabelRelations(Task):
    """Takes two labels A and B of a document, of which it carries A, and asks how they are related on it.

    They are related if it carries B too. If not, they are indirectly related if B comes often in training with a label
    that it carries (`frequent_pairs`), and irrelevant if with none. Pairs are drawn anew in every step, of labels under
    consideration whose truth the input hides; labels whose truth it shows relate nothing either. A document without
    labels has no pair. It logs the "accuracy", how often the class is right.
    """

    @classmethod
    def prepare(cls, config: LabelRelationsConfig, corpus: Corpus) -> Assets:
        """The labels that come often with each other in the training split."""
        return {"frequent": frequent_pairs(corpus.statistics)}

    frequent: Tensor

    def __init__(self, config: LabelRelationsConfig, context: Context) -> None:
        super().__init__(config, context)
        # The assets keep them, so the weights file need not.
        self.register_buffer("frequent", torch.as_tensor(context.assets["frequent"]), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(3 * context.width("labels"), 3)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The cross-entropy of each pair's class (eq. 12), counting pairs."""
        labels = states.first("labels")  # (B, C, K)
        carried = targets.dense(batch.label_ids) & batch.countable
        first, second, valid = self.pairs(carried, batch, targets)
        truth = self.classes(carried, first, second[..., None], batch, targets)[..., 0]  # (B, P)
        # What is not drawn may be anything, NaN too.
        one, other = (vectors_at(labels, places).masked_fill(~valid[..., None], 0) for places in (first, second))
        relation = torch.cat([one, other, (one - other).abs()], -1)  # (B, P, 3K), eq. 11
        logits = self.out(self.dropout(relation)).float()  # (B, P, 3)
        loss = Loss.over(F.cross_entropy(logits.mT, truth, reduction="none"), valid)
        right = (logits.argmax(-1) == truth) & valid
        return Loss(loss.total, loss.count, {"accuracy": right.sum().float()})

    def pairs(self, carried: Tensor, batch: Batch, targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
        """The places of A and B of each pair (B, P) int64, and (B, P) bool whether there is such a pair.

        `carried` (B, C): the labels to count that the document carries.
        """
        count, labels = self.config.pairs, carried.shape[1]

        def noise(stream: str, choices: int) -> Tensor:
            return pair_noise(batch, count, choices, self.path, stream)

        first, there = draw_one(carried[:, None].expand(-1, count, -1), noise("first", labels))
        every = torch.arange(labels, device=first.device).expand(len(batch), 1, -1)  # (B, 1, C)
        pool = batch.countable[:, None] & (every != first[..., None])  # (B, P, C)
        if self.config.draw == "balanced":
            classes = self.classes(carried, first, every, batch, targets)
            some = [(pool & (classes == kind)).any(-1) for kind in (RELATED, INDIRECT, IRRELEVANT)]
            kind, _ = draw_one(torch.stack(some, -1), noise("class", 3))  # (B, P)
            pool = pool & (classes == kind[..., None])
        second, found = draw_one(pool, noise("second", labels))
        return first, second, there & found

    def classes(self, carried: Tensor, first: Tensor, second: Tensor, batch: Batch, targets: Targets) -> Tensor:
        """The classes of table 1 of the labels at `second` beside those at `first`, int64.

        Args:
            carried: (B, C) bool, the labels to count that the document carries.
            first: (B, P) int64, places of A.
            second: (B, X, Q) int64, places of B; X is P, or 1 where they are the same beside each A.

        Returns:
            (B, P, Q), or (B, X, Q) where the class is the same beside each A.
        """
        ids = batch.label_ids.expand(len(batch), -1)
        also, others = (each[:, None].expand(-1, second.shape[1], -1).gather(2, second) for each in (carried, ids))
        if self.config.scope == "anchor":
            indirect = is_frequent(self.frequent, batch.label_count, ids.gather(1, first)[..., None], others)
        else:
            rows, own = targets.rows, targets.values  # (N,): the labels of all documents, one after the other
            frequent = is_frequent(self.frequent, batch.label_count, own[:, None], others.flatten(1)[rows])
            if batch.given is not None:
                frequent = frequent & (batch.given[rows, own] < 0)[:, None]
            ways = torch.zeros(others.flatten(1).shape, dtype=torch.int32, device=own.device)
            indirect = ways.index_add(0, rows, frequent.int()).view(others.shape) > 0
        return torch.where(also, RELATED, torch.where(indirect, INDIRECT, IRRELEVANT))
