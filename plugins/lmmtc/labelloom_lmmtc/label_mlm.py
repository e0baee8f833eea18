"""`lmmtc/label-mlm`: the tokens that the input masks, of labels, words or both (Song et al. 2021 eq. 3, 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from labelloom.interfaces import Batch, Context, Loss, States, Targets, Task
from labelloom_lmmtc.config import LabelMLMConfig


class LabelMLM(Task):
    """-log p of each masked token under the softmax over the whole vocabulary, the labels' tokens included.

    At the slot of a masked label it is YES-i where the document carries label i, else NO-i. The mean is over tokens:
    those of labels that count, and of words that the encoder hides.
    """

    def __init__(self, config: LabelMLMConfig, context: Context) -> None:
        super().__init__(config, context)
        if config.targets != "words" and "lmmtc.totals" not in context.widths:
            raise ValueError("the encoder gives lmmtc.slots without lmmtc.totals, what their softmax is divided by")
        if config.targets == "both" and "lmmtc.words" not in context.widths:
            self.notes.append("the encoder hides no words, so labels alone are predicted: mask_words = 0.15 hides some")

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over masked tokens, counting them."""
        losses = []
        if self.config.targets != "words":
            losses.append(self._labels(states, batch, targets))
        if self.config.targets != "labels" and states.get("lmmtc.words") is not None:
            losses.append(states.first("lmmtc.words")())
        each = torch.cat(losses)
        return Loss(each.sum(), each.new_full((), len(each)))

    def _labels(self, states: States, batch: Batch, targets: Targets) -> Tensor:
        """(M,): of the slots that count."""
        counts = batch.countable
        places = counts.nonzero(as_tuple=True)  # looked for once, since a GPU has to be waited for
        truth = targets.dense(batch.label_ids).expand_as(counts)[places].long()
        totals: Tensor = states.first("lmmtc.totals")(places)
        answers = states.first("lmmtc.slots")[places].to(totals.dtype)  # (M, 2)
        return totals - answers.gather(1, truth[:, None])[:, 0]
