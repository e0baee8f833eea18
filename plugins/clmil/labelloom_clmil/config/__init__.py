"""The options of the bundle's components, without torch."""

from labelloom_clmil.config.contrast import FrequencyContrastConfig, InfoNCEConfig
from labelloom_clmil.config.dilated_gated_cnn import DilatedGatedConfig
from labelloom_clmil.config.relations import LabelRelationsConfig

__all__ = ["DilatedGatedConfig", "FrequencyContrastConfig", "InfoNCEConfig", "LabelRelationsConfig"]
