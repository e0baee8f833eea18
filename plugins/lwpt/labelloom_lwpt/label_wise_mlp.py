"""`lwpt/label-wise-mlp`: all label vectors to all scores (Liu et al. 2020 eq. 16)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, Predictor, States
from labelloom_lwpt.config import LabelWiseMLPConfig
from labelloom_standard.label_linear import score_each

_HIDDEN = 1024
_MOST = 10**9
"""Weights that it may have: in fp32 and with Adam's two moments each takes 16 bytes while it trains."""


class LabelWiseMLP(Predictor):
    """From `labels` M (B, L, K) to scores (B, L), by one of three forms.

    "mlp":       y = W_2 ReLU(W_1 m + b_1) + b_2, where m (B, L K) is M with one label's vector after the other
    "linear":    y = W m + b (Liu et al. 2020 eq. 16)
    "diagonal":  y_k = w_k . M_k + b_k, which works for any labels under consideration, (B, C, K) to (B, C)

    With a label graph G (L, L), which starts as the identity, the scores are y G.
    """

    def __init__(self, config: LabelWiseMLPConfig, context: Context) -> None:
        super().__init__(config, context)
        count, width = len(context.labels), context.width("labels")
        _refuse_too_many(config, count, width)
        self.layers: nn.Module
        if config.form == "mlp":
            hidden = config.hidden or _HIDDEN
            self.layers = nn.Sequential(nn.Linear(count * width, hidden), nn.ReLU(), nn.Linear(hidden, count))
        else:
            self.layers = nn.Linear(count * width if config.form == "linear" else width, count)
        self.graph = nn.Parameter(torch.eye(count)) if config.label_graph else None

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        labels: Tensor = states.first("labels")
        if self.config.form == "diagonal":
            scores = score_each(cast(nn.Linear, self.layers), labels, batch)
        else:
            scores = self.layers(labels.flatten(1))
        return states.add(scores=scores if self.graph is None else scores @ self.graph)


def _refuse_too_many(config: LabelWiseMLPConfig, count: int, width: int) -> None:
    """Raise ValueError where the weights are more than `_MOST`, with the arithmetic and what has fewer."""
    hidden, inputs = config.hidden or _HIDDEN, count * width
    graph = count**2 if config.label_graph else 0
    sizes, weights = f"{count:,} labels x {width:,} numbers", inputs
    if config.form == "mlp":
        sizes, weights = f"({sizes} + {count:,} scores) x {hidden:,} hidden", (inputs + count) * hidden
    elif config.form == "linear":
        sizes, weights = f"{sizes} x {count:,} scores", inputs * count
    if graph:
        sizes += f" + {count:,} x {count:,} in the label graph"
    if weights + graph <= _MOST:
        return
    remedies = []
    if config.form != "diagonal":
        if fitting := max(0, _MOST - graph) // (inputs + count):
            form = "" if config.form == "mlp" else 'form = "mlp" and '
            remedies.append(f"{form}hidden = {fitting} or less")
        if inputs + graph <= _MOST:
            remedies.append('form = "diagonal"')
    if graph and weights <= _MOST:
        remedies.append("label_graph = false")
    told = f"set {', or '.join(remedies)}" if remedies else 'use "standard/label-linear", whose weights labels share'
    raise ValueError(f"{sizes} = {(weights + graph) / 1e9:.1f} G weights, and {_MOST / 1e9:.0f} G is the most: {told}")
