"""The options."""

from __future__ import annotations

from pydantic import Field

from labelloom.config import Config


class ContrastConfig(Config):
    low_frequency: int | float = Field(
        1000 / 53840, gt=0, description="A label is rare below this number, or share, of the training documents."
    )
