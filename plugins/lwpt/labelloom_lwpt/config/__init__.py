"""The options of the bundle's components, without torch."""

from labelloom_lwpt.config.encoders import HierarchicalConfig, LabelWiseLSTMConfig
from labelloom_lwpt.config.pairing import CandidatesConfig, PairedConfig
from labelloom_lwpt.config.predictor import LabelWiseMLPConfig

__all__ = ["CandidatesConfig", "HierarchicalConfig", "LabelWiseLSTMConfig", "LabelWiseMLPConfig", "PairedConfig"]
