"""What a trained model makes of labels that stand in its input: `labelloom standard/attention`."""

from labelloom_standard.slot_analysis.result import LabelAttention, label_attention

__all__ = ["LabelAttention", "label_attention"]
