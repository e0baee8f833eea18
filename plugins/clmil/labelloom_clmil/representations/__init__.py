"""How a model spreads documents: `labelloom clmil/representations`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelloom_clmil.representations.result import Representations, representations

__all__ = ["Representations", "representations"]


def __getattr__(name: str) -> Any:
    """What needs torch, when it is used: the command's help and its refusals do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labelloom_clmil.representations import result

    return getattr(result, name)
