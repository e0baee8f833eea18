"""`maacf/multi-aspect`: several encoders of one document (Wang et al. 2023 section 3.2.2)."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from labelloom.interfaces import Batch, Context, Encoder, Reader, SharedReader, States
from labelloom_maacf.config import MultiAspectConfig


class MultiAspect(Encoder):
    """Gives `aspects` s (B, n, D), one of each held encoder, and `document` (B, D), their mean.

    s_n = W_n d_n + b_n projects what encoder n gives as `document` to the common width D. The encoders have weights of
    their own, which start apart, and may be of different kinds; those that read alike read a text once.
    """

    def __init__(self, config: MultiAspectConfig, context: Context) -> None:
        super().__init__(config, context)
        made = [context.parts[f"encoders.{place}"](context.widths) for place in range(len(config.encoders))]
        self.encoders = nn.ModuleList(made)
        self.projections = nn.ModuleList(nn.Linear(encoder.widths["document"], config.width) for encoder in made)
        self.widths = {"aspects": (len(made), config.width), "document": config.width}

    @property
    def reader(self) -> Reader:  # type: ignore[override]
        """Feeds all; those of one kind with one vocabulary share what it makes."""
        return SharedReader({str(place): cast(Encoder, held).reader for place, held in enumerate(self.encoders)})

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with aspects and document."""
        views = [
            project(encoder(States(), batch.with_inputs(batch.inputs[str(place)])).document)
            for place, (encoder, project) in enumerate(zip(self.encoders, self.projections, strict=True))
        ]
        aspects = torch.stack(views, 1)  # (B, n, D)
        return states.add(aspects=aspects, document=aspects.mean(1))
