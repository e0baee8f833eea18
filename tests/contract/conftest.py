"""The workplace of the contract's tests: a small corpus, a small BERT."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

import labelloom
from labelloom.compose.check import check
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.errors import CompositionError, Problem
from labelloom.runs.classifier import Classifier
from labelloom.spec import read_spec
from labelloom.training.loop import Job, train_stage

from .cases import CASES, Case, Table, spec
from .corpus import write_bert, write_corpus
from .recording import Recorder, Train, Trained
from .refusals import Refuse

WriteSpec = Callable[[Mapping[str, Any]], Path]


@pytest.fixture(scope="package")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `corpus` and `bert`, and a cache of its own."""
    folder = tmp_path_factory.mktemp("contract")
    write_corpus(folder / "corpus")
    write_bert(folder / "bert")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield folder
        torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def write_spec(workplace: Path) -> WriteSpec:
    """Writes a spec beside the corpus; the name is the spec's own."""

    def write(whole: Mapping[str, Any]) -> Path:
        file = workplace / f"{whole['name']}.toml"
        file.write_text(tomli_w.dumps(whole))
        return file

    return write


@pytest.fixture(scope="package")
def trained(workplace: Path, write_spec: WriteSpec) -> Iterator[Callable[[Case], Trained]]:
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


@pytest.fixture
def loaded(case: Case, trained: Train) -> Classifier:
    """The case's run, loaded."""
    classifier = labelloom.load(trained(case).run.path, device="cpu")
    classifier.batch_size = 8
    return classifier


@pytest.fixture
def corpus(loaded: Classifier) -> Corpus:
    return load_corpus(loaded.model.plan.spec.data)


@pytest.fixture
def refuse(write_spec: WriteSpec) -> Refuse:
    """The problems of a spec that composition refuses."""

    def problems(model: Table, *stages: Table, local: bool = False) -> list[Problem]:
        read, folder = read_spec(write_spec(spec("wrong", model, *stages)))
        with pytest.raises(CompositionError) as told:
            check(read, folder, allow_local_code=local)
        return list(told.value.problems)

    return problems
