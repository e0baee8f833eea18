"""The options of the bundle's components, sources and formats, without torch."""

from labelloom_standard.config.data import HubConfig, ReutersConfig
from labelloom_standard.config.encoders import BiLSTMConfig, ChainConfig, CNNConfig, TransformerConfig, XMLCNNConfig
from labelloom_standard.config.label_modules import LabelAttentionConfig, LabelQueryConfig, LabelTableConfig
from labelloom_standard.config.language_model import LabelSlotOptions, LanguageModelOptions
from labelloom_standard.config.losses import AsymmetricConfig, BCEConfig, FocalConfig, SoftmaxConfig
from labelloom_standard.config.predictors import LabelLinearConfig, LinearConfig
from labelloom_standard.config.words import WordOptions

__all__ = [
    "AsymmetricConfig",
    "BCEConfig",
    "BiLSTMConfig",
    "CNNConfig",
    "ChainConfig",
    "FocalConfig",
    "HubConfig",
    "LabelAttentionConfig",
    "LabelLinearConfig",
    "LabelQueryConfig",
    "LabelSlotOptions",
    "LabelTableConfig",
    "LanguageModelOptions",
    "LinearConfig",
    "ReutersConfig",
    "SoftmaxConfig",
    "TransformerConfig",
    "WordOptions",
    "XMLCNNConfig",
]
