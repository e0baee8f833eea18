"""What the tests of the configurations ask of a case: its texts, its steps, its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from labelloom.compose.batches import make_batch, plain_draw
from labelloom.compose.build import build_samplers, prepare, use_options
from labelloom.compose.plan import Plan, StagePlan
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import Corpus
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Batch
from labelloom.runs.classifier import Classifier
from labelloom.training.feed import Feed
from labelloom.training.stage import StageModule

from .cases import CASES, Case


def those(chosen: Callable[[Case], bool]) -> Any:
    """The decorator for a test of some of the cases, instead of all."""
    cases = [case for case in CASES if chosen(case)]
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def of(*names: str) -> Any:
    """The decorator for a test of the cases of these names."""
    assert set(names) <= {case.name for case in CASES}, names
    return those(lambda case: case.name in names)


def drawn(use: str) -> Any:
    """The decorator for a test of the cases that have this sampler in a stage."""
    return those(
        lambda case: any(
            sampler["use"] == use for stage in case.spec.get("stages", [case.spec]) for sampler in stage["samplers"]
        )
    )


def batch_of(classifier: Classifier, texts: list[str]) -> Batch:
    """What predictions see of these texts."""
    reader = classifier.model.assembly.model.encoder.reader
    columns = reader.tokenize(texts)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
    return make_batch(reader.collate(rows), plain_draw(len(texts)), len(classifier.labels))


def by_label(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(N, L): ranked scores in the order of the labels."""
    return np.take_along_axis(scores, labels.argsort(1), 1)


def feed_of(classifier: Classifier, corpus: Corpus, stage: StagePlan, sets: LabelSets | None = None) -> Feed:
    """The stage's training steps; with other label sets in place of the corpus's."""
    split = corpus.train if sets is None else replace(corpus.train, label_sets=sets)
    reader = classifier.model.assembly.model.encoder.reader
    samplers = build_samplers(stage, corpus.labels, assets_of(classifier, corpus))
    return Feed(split, tokenised(split, reader, cache_folder()), reader, samplers, stage.settings, key=7)


def assets_of(classifier: Classifier, corpus: Corpus) -> Mapping[str, Any]:
    return prepare(classifier.model.plan, corpus)


def stages_of(classifier: Classifier) -> Iterator[tuple[StagePlan, StageModule]]:
    """Each stage with its options in use, in eval mode, so that what is random is what samplers and tasks draw."""
    for stage in classifier.model.plan.stages:
        use_options(classifier.model.assembly, stage, classifier.model.plan)
        module = StageModule(classifier.model.assembly, stage)
        module.eval()
        yield stage, module
    use_options(classifier.model.assembly, None, classifier.model.plan)


def part_of(plan: Plan, weight: str) -> str:
    """The path of the part of the model, or of the task, that a weight belongs to."""
    paths = [node.path for node in plan.model.nodes]
    paths += [f"tasks.{task.name}" for stage in plan.stages for task in stage.tasks]
    return next(path for path in paths if weight.startswith(f"{path}."))


def under(weights: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The weights of the part at `path`."""
    return {name: value for name, value in weights.items() if name.startswith(f"{path}.")}
