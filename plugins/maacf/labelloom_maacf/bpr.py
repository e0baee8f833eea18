"""`maacf/bpr`: labels that a document carries above labels that it lacks (Wang et al. 2023 eq. 10)."""

from __future__ import annotations

import torch.nn.functional as F

from labelloom.interfaces import Batch, Loss, States, Targets, Task


class BayesianPersonalisedRanking(Task):
    """-log sigmoid(y_p - y_n) over the pairs of a label p that a document carries and a label n that it lacks.

    Both are among the labels under consideration. Memory grows with the labels carried times those considered, not with
    the square of these. A document that carries all of its labels, or none, has no pair.
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The loss of each pair, in fp32; counts the pairs, or for a sum the documents that have any."""
        ids, countable = batch.label_ids.expand(len(batch), -1), batch.countable
        # What does not count may be anything, NaN too.
        scores = states.first("scores").float().masked_fill(~countable, 0)  # (B, C)
        truth = targets.dense(batch.label_ids)
        lacked = countable & ~truth
        rows = targets.rows  # (P,): the document of each of the P labels carried in this batch
        places = (ids[rows] == targets.values[:, None]) & countable[rows]  # (P, C): where it is under consideration
        carried = scores[rows].gather(1, places.int().argmax(1, keepdim=True))  # (P, 1)
        pairs = lacked[rows] & places.any(1, keepdim=True)  # (P, C)
        loss = Loss.over(F.softplus(scores[rows] - carried), pairs)
        if self.config.reduction == "mean":
            return loss
        documents = lacked.any(1) & (truth & countable).any(1)
        return Loss(loss.total, documents.sum().float())
