"""labelloom weaves multi-label text classifiers from published parts.

import labelloom
run = labelloom.train("my-model.toml")
labelloom.load(run.path).predict(["a text", "another one"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelloom.commands import Command
from labelloom.components import Component
from labelloom.errors import (
    BundleError,
    CompositionError,
    DataError,
    LabelloomError,
    NonFiniteLossError,
    RunError,
    SpecError,
    TrainingError,
    UnknownNameError,
    UnknownSpecError,
)
from labelloom.formats import DataFormat
from labelloom.hookspecs import hookimpl
from labelloom.listeners import Listener
from labelloom.metrics import ExtraMetric
from labelloom.records import API
from labelloom.sections import Section
from labelloom.sources import DataSource

if TYPE_CHECKING:
    from labelloom.data.corpus import Corpus, load_corpus
    from labelloom.interfaces import (
        Batch,
        Context,
        Encoder,
        LabelModule,
        Loss,
        Predictor,
        Sampler,
        States,
        Targets,
        Task,
    )
    from labelloom.report.sections import Content, Figure, Rows, Scored
    from labelloom.runs.classifier import Classifier, LabelScore, load
    from labelloom.runs.folder import Run
    from labelloom.training.baseline import train_baseline
    from labelloom.training.events import TrainingEvents
    from labelloom.training.series import Series, train_seeds
    from labelloom.training.train import resume, train

__version__ = "0.1.0"

# Heavy names are imported when they are used, so that `import labelloom`, every bundle's hooks and the commands that
# need no torch start in a blink.
_HEAVY = {
    "Classifier": "labelloom.runs.classifier",
    "LabelScore": "labelloom.runs.classifier",
    "load": "labelloom.runs.classifier",
    "Run": "labelloom.runs.folder",
    **dict.fromkeys(("Content", "Figure", "Rows", "Scored"), "labelloom.report.sections"),
    "TrainingEvents": "labelloom.training.events",
    "resume": "labelloom.training.train",
    "train": "labelloom.training.train",
    "Series": "labelloom.training.series",
    "train_seeds": "labelloom.training.series",
    "train_baseline": "labelloom.training.baseline",
    "Corpus": "labelloom.data.corpus",
    "load_corpus": "labelloom.data.corpus",
    **dict.fromkeys(
        ("Batch", "Context", "Encoder", "LabelModule", "Loss", "Predictor", "Sampler", "States", "Targets", "Task"),
        "labelloom.interfaces",
    ),
}

__all__ = [
    "API",
    "Batch",
    "BundleError",
    "Classifier",
    "Command",
    "Component",
    "CompositionError",
    "Content",
    "Context",
    "Corpus",
    "DataError",
    "DataFormat",
    "DataSource",
    "Encoder",
    "ExtraMetric",
    "Figure",
    "LabelModule",
    "LabelScore",
    "LabelloomError",
    "Listener",
    "Loss",
    "NonFiniteLossError",
    "Predictor",
    "Rows",
    "Run",
    "RunError",
    "Sampler",
    "Scored",
    "Section",
    "Series",
    "SpecError",
    "States",
    "Targets",
    "Task",
    "TrainingError",
    "TrainingEvents",
    "UnknownNameError",
    "UnknownSpecError",
    "hookimpl",
    "load",
    "load_corpus",
    "resume",
    "train",
    "train_baseline",
    "train_seeds",
]


def __getattr__(name: str) -> Any:
    if name not in _HEAVY:
        raise AttributeError(f"module 'labelloom' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HEAVY[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
