"""The workplace of the contract's tests: stand-ins for what is not installed, a small corpus, a small BERT."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

import labelloom
from labelloom.bundles import find_bundles
from labelloom.compose.model import Assembly
from labelloom.training.loop import Job, train_stage
from labelloom.training.progress import Silent
from labelloom.training.train import Run

from .cases import CASES, Case
from .corpus import write_bert, write_corpus

STANDINS = Path(__file__).parents[1] / "standins"
BUNDLES = ("laco", "lwpt", "lmmtc", "clmil", "maacf")


@pytest.fixture(scope="package")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `corpus` and `bert`, in a process that finds a stand-in for every bundle not installed."""
    folder = tmp_path_factory.mktemp("contract")
    write_corpus(folder / "corpus")
    write_bert(folder / "bert")
    site = folder / "site"
    installed = {bundle.name for bundle in find_bundles()}
    for name in BUNDLES:
        if name not in installed:
            info = site / f"labelloom_standin_{name}-0.dist-info"
            info.mkdir(parents=True)
            (info / "entry_points.txt").write_text(f"[labelloom.bundles]\n{name} = standin_{name}.hooks\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STANDINS))
        patch.syspath_prepend(str(site))
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield folder
        torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def write_spec(workplace: Path) -> Callable[[Mapping[str, Any]], Path]:
    """Writes a spec beside the corpus; the name is the spec's own."""

    def write(spec: Mapping[str, Any]) -> Path:
        file = workplace / f"{spec['name']}.toml"
        file.write_text(tomli_w.dumps(spec))
        return file

    return write


Weights = dict[str, torch.Tensor]


@dataclass
class StageRecord:
    """What a stage did: the weights at its first step and after its last, and which of them required a gradient.

    `reached` names the weights that got a gradient, `pushed` those that got one other than zero. `parts` are the paths
    of all parts, `training` those of the parts that were in training mode.
    """

    name: str
    start: Weights
    parts: set[str]
    trainable: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    pushed: set[str] = field(default_factory=set)
    training: set[str] = field(default_factory=set)
    end: Weights = field(default_factory=dict)

    @property
    def changed(self) -> set[str]:
        """The names of the weights that moved."""
        return {name for name, value in self.end.items() if not torch.equal(value, self.start[name])}


class Recorder(Silent):
    """A reporter that copies the weights at the start and the end of every stage."""

    def __init__(self) -> None:
        self.assembly: Assembly | None = None
        self.fresh: Weights = {}
        self.stages: list[StageRecord] = []
        self.hooks: list[Any] = []

    def watch(self, assembly: Assembly) -> None:
        if self.assembly is None:
            self.assembly = assembly
            self.fresh = self._weights()

    def start(self, stage: str, steps: int, done: int) -> None:
        assert self.assembly is not None
        record = StageRecord(stage, self._weights(), set(self.assembly.parts))
        self.stages.append(record)
        for name, weight in self.assembly.named_parameters():
            if weight.requires_grad:
                self.hooks.append(weight.register_post_accumulate_grad_hook(partial(_note, record, name)))

    def step(self, loss: float, documents_per_second: float) -> None:
        assert self.assembly is not None
        stage = self.stages[-1]
        stage.trainable = {name for name, weight in self.assembly.named_parameters() if weight.requires_grad}
        stage.training = {name for name, part in self.assembly.parts.items() if part.training}

    def stop(self) -> None:
        self.stages[-1].end = self._weights()
        for hook in self.hooks:
            hook.remove()

    def _weights(self) -> Weights:
        assert self.assembly is not None
        return {name: weight.detach().cpu().clone() for name, weight in self.assembly.named_parameters()}


def _note(record: StageRecord, name: str, weight: torch.Tensor) -> None:
    record.reached.add(name)
    if weight.grad is not None and bool(weight.grad.any()):
        record.pushed.add(name)


@dataclass(frozen=True)
class Trained:
    """A case that went through all its stages."""

    case: Case
    run: Run
    recorder: Recorder


@pytest.fixture(scope="package")
def trained(workplace: Path, write_spec: Callable[[Mapping[str, Any]], Path]) -> Iterator[Callable[[Case], Trained]]:
    """Trains a case when it is first asked for."""
    done: dict[str, Trained] = {}
    recorders: list[Recorder] = []

    def watched(job: Job, *arguments: Any) -> None:
        recorders[-1].watch(job.assembly)
        train_stage(job, *arguments)

    def train(case: Case) -> Trained:
        if case.name not in done:
            recorders.append(Recorder())
            run = labelloom.train(write_spec(case.spec), output=workplace / "runs", reporter=recorders[-1])
            done[case.name] = Trained(case, run, recorders[-1])
        return done[case.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelloom.training.train.train_stage", watched)
        yield train


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    return request.param
