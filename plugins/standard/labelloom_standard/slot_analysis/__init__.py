"""What a trained model makes of labels that stand in its input: `labelloom standard/attention`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelloom_standard.slot_analysis.result import LabelAttention, label_attention

__all__ = ["LabelAttention", "label_attention"]


def __getattr__(name: str) -> Any:
    """What needs torch, when it is used: the command's help and its refusals do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labelloom_standard.slot_analysis import result

    return getattr(result, name)
