"""`standard/chain`: an encoder made of an encoder and label modules."""

from __future__ import annotations

from typing import cast

from torch import nn

from labelloom.interfaces import Batch, Context, Encoder, LabelModule, Reader, States, Widths
from labelloom_standard.config import ChainConfig


class Chain(Encoder):
    """Passes a batch through the held encoder, then through the held label modules in order.

    So whatever holds encoders (twins, ensembles) or trains them can hold or train an encoder with label modules on it.
    """

    def __init__(self, config: ChainConfig, context: Context) -> None:
        super().__init__(config, context)
        self.encoder = context.parts["encoder"](context.widths)
        widths = dict(self.encoder.widths)
        modules: list[LabelModule] = []
        for place in range(len(config.label_modules)):
            modules.append(context.parts[f"label_modules.{place}"](widths))
            widths |= modules[-1].widths
        self.label_modules = nn.ModuleList(modules)
        self.widths = widths

    @property
    def reader(self) -> Reader:  # type: ignore[override]
        """The held encoder's, as it is now: a stage may change options that it depends on."""
        return cast(Encoder, self.encoder).reader

    def widths_with(self, roles: frozenset[str]) -> Widths:
        """The widths when rows have `roles`, which a held part may treat differently."""
        widths = dict(self.encoder.widths_with(roles))
        for module in cast("list[LabelModule]", self.label_modules):
            widths |= module.widths_with(roles)
        return widths

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with all that the held parts give."""
        states = self.encoder(states, batch)
        for module in self.label_modules:
            states = module(states, batch)
        return states
