"""The contract: how encoders, label modules, predictors, tasks and samplers meet."""

from labelloom.interfaces.batch import Batch, Loss, Targets
from labelloom.interfaces.encoder import Encoder, Reader, SharedReader, masked_mean, pad, stable_digest
from labelloom.interfaces.label_module import LabelModule, masked_softmax
from labelloom.interfaces.mixture import Mixture, added
from labelloom.interfaces.part import Assets, Context, Files, Part, Widths
from labelloom.interfaces.predictor import Predictor
from labelloom.interfaces.sampler import Draw, LabelledRows, Rng, Sampler
from labelloom.interfaces.states import LabelTable, States
from labelloom.interfaces.task import Task

__all__ = [
    "Assets",
    "Batch",
    "Context",
    "Draw",
    "Encoder",
    "Files",
    "LabelModule",
    "LabelTable",
    "LabelledRows",
    "Loss",
    "Mixture",
    "Part",
    "Predictor",
    "Reader",
    "Rng",
    "Sampler",
    "SharedReader",
    "States",
    "Targets",
    "Task",
    "Widths",
    "added",
    "masked_mean",
    "masked_softmax",
    "pad",
    "stable_digest",
]
