"""`clmil/info-nce`: a document is nearer to its second pass than to documents apart (Li et al. 2023 eq. 1)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Context, Loss, States, Targets, Task
from labelloom_clmil.config import InfoNCEConfig
from labelloom_standard.contrast import contrast


class InfoNCE(Task):
    """-log(e^{s_i+} / (e^{s_i+} + sum_j e^{s_ij})) of each anchor i, s the cosine by the temperature (eq. 1).

    Printed, the sum in eq. 1 counts e^{s_i+} once for each of the N negatives, -log(e^{s_i+} / (N e^{s_i+} + ...)),
    which the option "as-printed" gives. Positives and negatives are those of `relation`; the vectors are `document`
    (B, D). It logs the "accuracy", how often the positive is the most similar.
    """

    def __init__(self, config: InfoNCEConfig, context: Context) -> None:
        super().__init__(config, context)
        self._passes_differ = False

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over rows with a positive and a negative.

        Raises TrainingError when in training every positive equals its row bit for bit: then nothing in the encoder
        is random. That is asked until a first pair differs.
        """
        relation = cast(Tensor, batch.relation)
        related = (relation != 0).any(0) | (relation != 0).any(1)
        # Rows of other samplers, which are compared with nothing, may be anything, NaN too.
        vectors = states.first("document").float().masked_fill(~related[:, None], 0)  # (B, D)
        if self.training and not self._passes_differ:
            self._refuse_equal_passes(vectors, batch)
        with torch.autocast(vectors.device.type, enabled=False):
            # Zeros stay zeros. With a smallest length in its place their gradient would be as large as that is small.
            lengths = vectors.norm(dim=1, keepdim=True)
            vectors = vectors / lengths.masked_fill(lengths == 0, 1)
            similarity = vectors @ vectors.T / self.config.temperature
        loss = contrast(similarity, relation)
        return loss if self.config.denominator == "positive-once" else _as_printed(loss, similarity, relation)

    def _refuse_equal_passes(self, vectors: Tensor, batch: Batch) -> None:
        """Of two passes of one row; pairs of zeros, as documents without words have, tell nothing."""
        ones, others = (cast(Tensor, batch.relation) > 0).nonzero(as_tuple=True)
        again = batch.rows[ones] == batch.rows[others]
        one, other = vectors[ones[again]], vectors[others[again]]
        self._passes_differ = bool((one != other).any())
        if not self._passes_differ and bool(one.any()):
            raise TrainingError(
                "the two passes of each document are equal, so positives teach nothing: no dropout lies before "
                "`document`",
                where=self.path,
                suggestions=[
                    "set dropout > 0 in model.encoder; of convolutions whose tokens other parts read, word_dropout",
                    'options = { "model.encoder" = { dropout = 0.1 } } in this stage, if the encoder lets it',
                    "do not freeze the encoder in this stage",
                ],
            )


def _as_printed(loss: Loss, similarity: Tensor, relation: Tensor) -> Loss:
    """-log(P / (N P + S)) instead of -log(P / (P + S)), over N negatives that sum to S; the logs stay.

    It is log N - log(N P / (N P + S)): each row's positives grow by log N.
    """
    negatives = (relation < 0).sum(1)  # (B,)
    counted = (negatives > 0) & (relation > 0).any(1)
    more = negatives.clamp(min=1).log()  # (B,)
    grown = contrast(similarity + more[:, None] * (relation > 0), relation)
    return Loss(grown.total + more[counted].sum(), grown.count, loss.logs)
