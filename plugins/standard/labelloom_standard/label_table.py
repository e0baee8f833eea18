"""`standard/label-table`: one trained vector a label, the same for every document."""

from __future__ import annotations

import torch
from torch import nn

from labelloom.data.corpus import Corpus
from labelloom.errors import CompositionError
from labelloom.interfaces import Batch, Context, LabelModule, States, masked_mean
from labelloom.interfaces.part import Encode
from labelloom_standard.config import LabelTableConfig

_CHUNK = 256
"""Labels whose names or descriptions the encoder reads at once."""
_LARGE = 1 << 25
"""Numbers in a table from which on a dense gradient is worth a note: 128 MiB of them, and AdamW's pass over four times
as many, in every step."""


class LabelTable(LabelModule):
    """Gives `label_table`: ids (...) to (..., width), for any label, under consideration or not.

    With init = "names" a vector starts as the mean of the encoder's states of the words of the label's name, with
    "descriptions" of its description, or of the name where there is none; a label without any word keeps its random
    vector. With sparse = true its gradient holds the rows that a step looked up, and the optimiser moves only these.
    """

    def __init__(self, config: LabelTableConfig, context: Context) -> None:
        super().__init__(config, context)
        width = config.width or context.width("tokens", "document")
        if config.init != "random" and width != (tokens := context.width("tokens")):
            raise ValueError(
                f'init = "{config.init}" fills vectors with tokens of width {tokens}, so width = {width} cannot hold '
                "them: leave it out"
            )
        names, descriptions = context.labels.names, context.labels.descriptions
        told = names if config.init == "names" else map(str.strip, descriptions)
        self.texts = [text or name for text, name in zip(told, names, strict=True)]
        self.vectors = nn.Embedding(len(context.labels), width, sparse=config.sparse)
        nn.init.normal_(self.vectors.weight, std=config.std or width**-0.5)
        self.widths = {"label_table": width}

    @torch.no_grad()
    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The vectors of names or descriptions, if they are wanted. Raises CompositionError if no encoder gives any."""
        if self.vectors.weight.numel() >= _LARGE and not self.config.sparse:
            height, width = self.vectors.weight.shape
            self.notes.append(
                f"each step computes a gradient of all {height:,} x {width:,} numbers and moves them all; with "
                "sparse = true it would be those of the labels that it looks up"
            )
        if self.config.init == "random":
            return
        if self.config.init == "descriptions":
            described = sum(map(bool, map(str.strip, corpus.labels.descriptions)))
            count = f"{described:,} of {len(corpus.labels):,}"
            self.notes.append(f"{count} labels start from their description, the others from their name")
        weight = self.vectors.weight
        for start in range(0, len(weight), _CHUNK):
            states = encode(self.texts[start : start + _CHUNK])
            if states.tokens is None or states.token_mask is None or states.tokens.shape[-1] != weight.shape[1]:
                raise CompositionError(
                    f'init = "{self.config.init}" needs tokens of width {weight.shape[1]} from the model\'s encoder',
                    where=self.path,
                    suggestions=['init = "random"'],
                )
            means = masked_mean(states.tokens.float(), states.token_mask)
            rows = states.token_mask.any(1).nonzero()[:, 0]
            weight[start + rows.to(weight.device)] = means[rows].to(weight)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with label_table."""
        return states.add(label_table=self.vectors)
