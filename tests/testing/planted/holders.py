"""An encoder that holds another, and wrong ones."""

from __future__ import annotations

from torch import Tensor, nn

from labelloom import Batch, Component, Context, Encoder, States
from labelloom.interfaces import Reader, Widths

from .config import WrapConfig
from .records import code


class Wrap(Encoder):
    """The held encoder with a layer on its `document` (B, D)."""

    component = Component(kind="encoder", config=code(WrapConfig), gives=frozenset({"tokens", "document"}))

    def __init__(self, config: WrapConfig, context: Context) -> None:
        super().__init__(config, context)
        held = context.parts["encoder"](context.widths)
        self.keep(held)
        width = held.widths["document"]
        self.out = nn.Linear(width, width)
        self.widths = held.widths

    def keep(self, held: Encoder) -> None:
        """Hold it."""
        self.held = held

    @property
    def encoder(self) -> Encoder:
        """The held encoder."""
        return self.held

    @property
    def reader(self) -> Reader:  # type: ignore[override]
        """The held encoder's."""
        return self.encoder.reader

    def widths_with(self, roles: frozenset[str]) -> Widths:
        """The held encoder's."""
        return self.encoder.widths_with(roles)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with what the held encoder gives."""
        states = self.encoder(states, batch)
        return states.add(document=self.changed(states.first("document")))

    def changed(self, document: Tensor) -> Tensor:
        """(B, D)."""
        return self.out(document).tanh()


class NeverMakes(Wrap):
    """It leaves the held encoder unmade, and wants nothing of it."""

    def __init__(self, config: WrapConfig, context: Context) -> None:
        Encoder.__init__(self, config, context)


class InAList(Wrap):
    """It keeps the held encoder in a list, where no state_dict, device or optimiser finds its weights."""

    def keep(self, held: Encoder) -> None:
        self.listed = [held]

    @property
    def encoder(self) -> Encoder:
        return self.listed[0]


class InEvaluation(Wrap):
    """It sets the held encoder to evaluation, so that it never drops out: in training as in evaluation."""

    def forward(self, states: States, batch: Batch) -> States:
        self.encoder.eval()
        return super().forward(states, batch)


class Frozen(Wrap):
    """It cuts the held encoder off, which then never learns."""

    def changed(self, document: Tensor) -> Tensor:
        return super().changed(document.detach())
