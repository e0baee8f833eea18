"""`lwpt/paired`: a target and a candidate encoder side by side (Liu et al. 2020 eq. 13-15)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Context, Encoder, Reader, SharedReader, States, Widths
from labelloom_lwpt.config import PairedConfig

ROLES = ("target", "candidate")
"""What rows can be, and what the encoder for them is called."""


class Paired(Encoder):
    """Gives `labels`: rows with a role from the encoder of that role, rows without one from both, side by side.

    Without roles M_k = [Q_k^t ; Q_k^c], (B, C, K_t + K_c) (Liu et al. 2020 eq. 15). With roles (B, C, K), for which the
    two must be as wide as each other. The encoders have weights of their own, which start apart, and may be of two
    kinds; where both start from vectors that are trained or read from a file, these are the same for one vocabulary.
    """

    def __init__(self, config: PairedConfig, context: Context) -> None:
        super().__init__(config, context)
        self.target = context.parts["target"](context.widths)
        self.candidate = context.parts["candidate"](context.widths)
        self.widths = self.widths_with(frozenset())

    @property
    def reader(self) -> Reader:  # type: ignore[override]
        """Feeds both; of one kind with one vocabulary, they share what it makes."""
        return SharedReader({role: self._encoder(role).reader for role in ROLES})

    def widths_with(self, roles: frozenset[str]) -> Widths:
        """The width of both, or with `roles` that of each.

        Raises ValueError when these differ, or when rows have other roles beside.
        """
        drawn = [role for role in ROLES if role in roles]
        if not drawn:
            return {"labels": sum(self._width(role, roles) for role in ROLES)}
        if others := roles.difference(ROLES):
            raise ValueError(
                f"rows with the role {', '.join(sorted(others))} have no encoder beside rows with the role "
                f"{' or '.join(drawn)}: give the samplers stages of their own"
            )
        widths = [self._width(role, frozenset({role})) for role in drawn]
        if len(set(widths)) > 1:
            raise ValueError(
                f"its target encoder gives labels of width {widths[0]} and its candidate encoder of width {widths[1]}: "
                "to be compared they must be as wide as each other"
            )
        return {"labels": widths[0]}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with labels. Raises TrainingError when some rows have a role and others have none."""
        places = {role: batch.where(role) for role in ROLES}
        having = sum(map(len, places.values()))
        if having == 0:
            return states.add(labels=torch.cat([self._labels(role, batch) for role in ROLES], -1))
        if having < len(batch):
            raise TrainingError(
                f"{having} of {len(batch)} rows have the role target or candidate and the others have neither, so that "
                "no encoder is theirs",
                where=self.path,
                suggestions=["a sampler that gives every row one of the two roles, or none of them any"],
            )
        made = []
        for role, own in places.items():
            # An encoder without rows runs the first one and nothing of it is kept: its weights then have a gradient of
            # zero and not none, as other processes, which may have rows for it, expect.
            rows = own if len(own) else own.new_zeros(1)
            made.append(self._labels(role, batch.subset(rows))[: len(own)])
        return states.add(labels=torch.cat(made)[torch.cat(list(places.values())).argsort()])

    def _encoder(self, role: str) -> Encoder:
        return cast(Encoder, getattr(self, role))

    def _width(self, role: str, roles: frozenset[str]) -> int:
        return cast(int, self._encoder(role).widths_with(roles)["labels"])

    def _labels(self, role: str, batch: Batch) -> Tensor:
        """(B, C, K) from the encoder of `role`."""
        return cast(Tensor, self._encoder(role)(States(), batch.with_inputs(batch.inputs[role])).labels)
