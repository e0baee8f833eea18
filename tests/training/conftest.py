from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from .small import write_corpus


@pytest.fixture(scope="session", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `corpus`, a cache of its own, and one thread, as in every process that the tests start."""
    folder = tmp_path_factory.mktemp("training")
    write_corpus(folder / "corpus")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def corpus(workplace: Path) -> Path:
    return workplace / "corpus"
