"""One step of every stage on a few documents: what a spec costs, and which weights its losses reach."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labelloom.compose.build import AllAssets, all_nodes, build, build_samplers, initialise, prepare, use_options
from labelloom.compose.model import Assembly
from labelloom.compose.plan import Plan, StagePlan
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.interfaces import Mixture, States
from labelloom.interfaces.noise import stable_key
from labelloom.runs.scoring import rank_columns
from labelloom.training.anchors import anchors_on, refuse_undrawable
from labelloom.training.feed import Feed
from labelloom.training.measurable import refuse_unmeasurable
from labelloom.training.optimiser import make_optimiser
from labelloom.training.processes import make_accelerator
from labelloom.training.stage import StageModule
from labelloom.training.step import gradients

_ROWS = 2000
"""Training documents that samplers may draw from: enough to find company, few enough to tokenise at once."""


@dataclass(frozen=True)
class PartSize:
    """A part, at its path, with the number of its own and its held parts' parameters."""

    path: str
    component: str
    parameters: int


@dataclass(frozen=True)
class Shapes:
    """What a part added in the step: each field with its shape, "(8, 187, 384)"."""

    path: str
    fields: dict[str, str]


@dataclass(frozen=True)
class StageStep:
    """One step of one stage.

    `rows` counts the documents with those that samplers added, `trained` the parameters that a loss reaches;
    `unreached` are the weights that would train and that no loss of the step reaches, `untrained` the same in few
    names: whole modules, and "layer.0 to 5". `notes` are what the samplers have to tell of the whole splits. `seconds`
    are those of a step, `memory` the bytes that the whole process (on a GPU: the tensors there) took at most so far.
    """

    name: str
    rows: int
    trained: int
    losses: dict[str, float]
    shapes: tuple[Shapes, ...]
    unreached: tuple[str, ...]
    untrained: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    memory: int


@dataclass(frozen=True)
class DryRun:
    """What a dry run found. `documents` counts those of each split, `seconds_to_rank` is for those of one step."""

    documents: dict[str, int]
    labels: int
    notes: tuple[str, ...]
    parameters: int
    parts: tuple[PartSize, ...]
    stages: tuple[StageStep, ...]
    ranked: int
    seconds_to_rank: float

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


def dry_run(plan: Plan, documents: int = 8) -> DryRun:
    """Load the corpus, build the model, take one step of each stage on `documents` documents and rank as many.

    Nothing is saved. Weights move from stage to stage as in training.

    Raises:
        CompositionError, DataError, BundleError, TrainingError: what training would raise at its start.
    """
    corpus = load_corpus(plan.spec.data)
    refuse_unmeasurable(plan, corpus)
    assets = prepare(plan, corpus)
    asked = refuse_undrawable(plan, corpus, assets)
    torch.manual_seed(stable_key(plan.spec.seed, "weights"))
    assembly = build(plan, corpus.labels, assets)
    initialise(assembly, corpus)
    notes = (*corpus.notes, *assembly.notes)
    stages = tuple(
        _step(plan, stage, corpus, assets, assembly, documents, asked[stage.name].notes) for stage in plan.stages
    )
    began = time.monotonic()
    texts = corpus.validation.texts.take(np.arange(min(documents, len(corpus.validation))))
    columns = Columns.from_texts(texts, assembly.model.encoder.reader)
    rank_columns(assembly.model, columns, len(corpus.labels), documents)
    return DryRun(
        documents={split.name: len(split) for split in corpus.splits.values()},
        labels=len(corpus.labels),
        notes=notes,
        parameters=_size(assembly),
        parts=tuple(_sizes(plan, assembly)),
        stages=stages,
        ranked=len(texts),
        seconds_to_rank=time.monotonic() - began,
    )


def _step(
    plan: Plan,
    stage: StagePlan,
    corpus: Corpus,
    assets: AllAssets,
    assembly: Assembly,
    documents: int,
    notes: tuple[str, ...],
) -> StageStep:
    accelerator = make_accelerator(stage.settings)
    key = stable_key(plan.spec.seed, stage.name)
    use_options(assembly, stage, plan)
    reader = assembly.model.encoder.reader
    samplers = build_samplers(stage, corpus.labels, assets)
    rows = np.linspace(0, len(corpus.train) - 1, min(_ROWS, len(corpus.train))).astype(np.int64)
    split = corpus.train.select("train", rows)
    if len(anchors_on(split, samplers)) == 0:
        split = corpus.train  # what belongs together lies too far apart for a sample
    columns = Columns.from_texts(split.texts.take(np.arange(len(split))), reader)
    feed = Feed(split, columns, reader, samplers, stage.settings, key)

    assembly.to(accelerator.device)
    module = StageModule(assembly, stage)
    module.reset(plan, corpus, assets, key)
    module.freeze()
    module.train()
    torch.manual_seed(key)
    batch, targets = feed.draw(feed.anchors[:documents], key)
    batch, targets = batch.to(accelerator.device), targets.to(accelerator.device)
    with _watched(assembly) as shapes:
        unreached = module.keep_reached(batch, targets)
    trained = [weight for weight in assembly.parameters() if weight.requires_grad]
    wrapped, stepper = accelerator.prepare(module, make_optimiser(assembly, stage.settings))
    weights = torch.tensor([task.weight for task in stage.tasks], device=accelerator.device)
    began = time.monotonic()
    result = gradients(wrapped, [(batch, targets)], weights, trained, accelerator, stage.settings.clip_norm)
    stepper.step()
    seconds = time.monotonic() - began
    use_options(assembly, None, plan)
    return StageStep(
        name=stage.name,
        rows=len(batch),
        trained=sum(weight.numel() for weight in trained),
        losses={task.name: mean for task, mean in zip(stage.tasks, result.means, strict=True)},
        shapes=tuple(Shapes(path, told) for path, told in shapes.items()),
        unreached=tuple(unreached),
        untrained=tuple(module.summed_up(unreached)),
        notes=notes,
        seconds=seconds,
        memory=_memory(accelerator.device),
    )


@contextmanager
def _watched(assembly: Assembly) -> Iterator[dict[str, dict[str, str]]]:
    """The fields that each part adds while the context is open, by path."""
    seen: dict[str, dict[str, str]] = {}

    def watch(path: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def note(module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
            if isinstance(result, States):
                seen[path] = dict(_added(given[0], result))

        return note

    hooks = [part.register_forward_hook(watch(path)) for path, part in assembly.parts.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _added(before: States, after: States) -> Iterator[tuple[str, str]]:
    names = [*(field.name for field in fields(States) if field.name != "extra"), *after.extra]
    for name in names:
        # A mixture is left as it is: made for its shape, it would count in the step's memory.
        old, value = (states.mixture(name) or states.get(name) for states in (before, after))
        if value is not None and value is not old:
            has_shape = isinstance(value, Tensor | Mixture)
            yield name, str(tuple(value.shape)) if has_shape else "a function of label ids"


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _sizes(plan: Plan, assembly: Assembly) -> Iterator[PartSize]:
    for node in all_nodes(plan):
        if node.path in assembly.parts:
            yield PartSize(node.path, node.component.name, _size(assembly.parts[node.path]))


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
