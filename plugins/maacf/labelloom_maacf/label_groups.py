"""`maacf/label-groups`: each label with its nearest others, in view of the document (Wang et al. 2023 eq. 1-8)."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import (
    Assets,
    Batch,
    Context,
    LabelModule,
    LabelTable,
    Mixture,
    States,
    masked_softmax,
)
from labelloom_maacf.aspects import aspects_of, compared, to_aspects
from labelloom_maacf.config import LabelGroupsConfig


class _Groups(NamedTuple):
    """What is known of labels and their groups without a document; B in place of 1 where each has its own labels.

    Labels come last but for the vectors' width: a softmax over few neighbours is slow where these do.

    mask     (1, k, C) bool: which neighbours there are
    vectors  (1, k, C, D): h_ik
    judged   (1, n or 1, k, C): h_ik . w_n; None where there is one aspect
    fused    (1, k, C, D): the group's half of W_f times h_ik
    """

    mask: Tensor
    vectors: Tensor
    judged: Tensor | None
    fused: Tensor


class LabelGroups(LabelModule):
    """Gives `labels` H (B, C, D) from `aspects` s (B, n, D) and `label_table`, which has E_i = H^z_i.

    The group of label i are the k labels with the highest CF-IDF beside it (eq. 1-3), h_ik their vectors in the table:

        alpha_nk = softmax_k(h_ik . s_n)            (eq. 4; in MCF+ a trained vector q_n for the document's s_n)
        h_n = sum_k alpha_nk h_ik                   (eq. 5)
        beta_n = softmax_n(h_n . w_n + b_n)         (eq. 6)
        H^g = sum_n beta_n h_n                      (eq. 7)
        H = W_f [H^z_i ; H^g] + b_f                 (eq. 8)

    A label has fewer neighbours where fewer others occur with it; without any, H^g = 0.

    H^g is a sum of h_ik, each with the weight sum_n beta_n alpha_nk, and h_n . w_n one of h_ik . w_n. So the n vectors
    h_n of each document and label are not made, and the group's half of W_f is applied to the group's vectors: H is a
    mixture of vectors that are the same for all documents.
    """

    @classmethod
    def prepare(cls, config: LabelGroupsConfig, corpus: Corpus) -> Assets:
        """The groups: ids (L, k), -1 where there are fewer."""
        return {"neighbours": corpus.statistics.neighbours(config.k)[0]} if config.k else {}

    def __init__(self, config: LabelGroupsConfig, context: Context) -> None:
        super().__init__(config, context)
        count, self.width = aspects_of(context)
        self.project = to_aspects(context)
        self.fuse = nn.Linear(2 * self.width if config.k else self.width, self.width)  # W_f, b_f
        self.query: nn.Linear | None = None
        self.judge: nn.Linear | None = None
        if config.k:
            neighbours = context.assets["neighbours"]
            mask = neighbours >= 0
            # In place of a missing neighbour stands the label itself: masked, and no other row of the table is read.
            ids = np.where(mask, neighbours, np.arange(len(neighbours))[:, None])
            self.register_buffer("neighbours", torch.from_numpy(ids), persistent=False)
            self.register_buffer("mask", torch.from_numpy(mask), persistent=False)
            if config.attention == "self":
                self.query = nn.Linear(self.width, count, bias=False)  # a bias would leave the softmax over k as it is
            if count > 1:
                shared = config.weights == "shared"
                self.judge = nn.Linear(self.width, 1 if shared else count, bias=not shared)  # w_n, b_n
        self.widths = {"labels": self.width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with labels."""
        table, aspects = cast(LabelTable, states.label_table), states.first("aspects")
        labels, groups = batch.once_for_labels(lambda: self._without_document(table, batch), self.path)
        if groups is not None:
            vectors = groups.vectors
            scores = compared(aspects, vectors.flatten(1, 2)).unflatten(-1, vectors.shape[1:3])  # (B, n, k, C)
            return states.add(labels=Mixture(self._weights(groups, scores), groups.fused, side="label", base=labels))
        return states.add(labels=labels.expand(len(aspects), -1, -1))

    def _without_document(self, table: LabelTable, batch: Batch) -> tuple[Tensor, _Groups | None]:
        """What H has of labels alone, (1 or B, C, D), and their groups if the document weighs them."""
        own = self.project(table(batch.label_ids))
        labels = F.linear(own, self.fuse.weight[:, : self.width], self.fuse.bias)
        if not self.config.k:
            return labels, None
        ids = batch.look_up(cast(Tensor, self.neighbours)).mT  # of labels that are not under consideration, too
        vectors = self.project(table(ids))
        judged = None if self.judge is None else F.linear(vectors, self.judge.weight).movedim(-1, 1).contiguous()
        fused = F.linear(vectors, self.fuse.weight[:, self.width :])
        groups = _Groups(batch.look_up(cast(Tensor, self.mask)).mT.contiguous(), vectors, judged, fused)
        if self.query is None:
            return labels, groups
        weights = self._weights(groups, self.query(vectors).movedim(-1, 1))
        return Mixture(weights, fused, side="label", base=labels).made, None

    def _weights(self, groups: _Groups, scores: Tensor) -> Tensor:
        """(1 or B, k, C): each neighbour's weight in H^g, from the scores (1 or B, n, k, C) of eq. 4."""
        alpha = masked_softmax(scores, groups.mask[:, None], dim=2)
        if groups.judged is None or self.judge is None:
            return alpha[:, 0]
        found = (alpha * groups.judged).sum(2)  # (1 or B, n, C): h_n . w_n
        beta = (found if self.judge.bias is None else found + self.judge.bias[:, None]).softmax(1)
        return (beta[:, :, None] * alpha).sum(1)
