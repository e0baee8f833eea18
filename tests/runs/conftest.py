from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import labelloom

from ..training.small import spec_on, write_corpus


@pytest.fixture(scope="session", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `corpus` and a cache of its own."""
    folder = tmp_path_factory.mktemp("runs")
    write_corpus(folder / "corpus")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        torch.set_num_threads(1)
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def corpus(workplace: Path) -> Path:
    return workplace / "corpus"


@pytest.fixture(scope="session")
def run(corpus: Path, workplace: Path) -> Path:
    """A finished run, which no test changes."""
    return labelloom.train(spec_on(corpus), output=workplace / "finished").path
