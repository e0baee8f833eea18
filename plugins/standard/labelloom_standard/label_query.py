"""`standard/label-query`: the vectors of a label table, in view of the document."""

from __future__ import annotations

from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, LabelModule, States
from labelloom_standard.attention import attend
from labelloom_standard.config import LabelQueryConfig


class LabelQuery(LabelModule):
    """Gives `labels` (B, C, width): each label's vector e attends to the tokens H, and what it finds joins it.

    labels = LayerNorm(R e + W_o attention(W_q e, W_k H, W_v H)), the attention scaled and in `heads` heads (Vaswani et
    al. 2017 eq. 1); R is the identity where the widths agree. A document without a token gives LayerNorm(R e + b_o).
    """

    def __init__(self, config: LabelQueryConfig, context: Context) -> None:
        super().__init__(config, context)
        tokens, table = context.width("tokens"), context.width("label_table")
        width = config.width or tokens
        if width % config.heads:
            raise ValueError(f"heads = {config.heads} does not divide the width {width}")
        self.heads = config.heads
        self.query = nn.Linear(table, width)
        self.key = nn.Linear(tokens, width)
        self.value = nn.Linear(tokens, width)
        self.out = nn.Linear(width, width)
        self.residual = nn.Identity() if table == width else nn.Linear(table, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.widths = {"labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with labels."""
        tokens, mask = states.first("tokens"), states.first("token_mask")
        key, value = batch.once(lambda: self._read(tokens), self.path)
        table, query = batch.once_for_labels(lambda: self._asked(states, batch), self.path)
        scores = query @ key.mT * query.shape[-1] ** -0.5  # (B, heads, C, T)
        found = attend(scores, value, mask[:, None]).transpose(1, 2).flatten(2)  # (B, C, width)
        return states.add(labels=self.norm(self.residual(table) + self.dropout(self.out(found))))

    def _asked(self, states: States, batch: Batch) -> tuple[Tensor, Tensor]:
        """The labels' vectors (1 or B, C, K) and their queries (1 or B, heads, C, width / heads)."""
        table = states.first("label_table")(batch.label_ids)
        return table, self._split(self.query(table))

    def _read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values of tokens, (B, heads, T, width / heads) each."""
        return self._split(self.key(tokens)), self._split(self.value(tokens))

    def _split(self, vectors: Tensor) -> Tensor:
        """(B, N, width) to (B, heads, N, width / heads)."""
        return vectors.unflatten(-1, (self.heads, -1)).transpose(1, 2)
