"""Options whose module imports torch, which every check of a spec would then wait for."""

from __future__ import annotations

import torch

from .config import BagConfig


class HeavyConfig(BagConfig):
    """The same options, the width by a torch constant."""

    width: int = torch.iinfo(torch.int8).bits
