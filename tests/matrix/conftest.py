"""What the matrix is made of: every installed component, a small corpus, a small pretrained model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from labelloom.bundles import Catalogue
from labelloom.data.corpus import Split
from labelloom.testing import small_corpus, tiny_bert
from labelloom.testing.matrix import Covering, Mixture, Parts, cover, small

SHARES = 8
"""How many tests the models of a matrix are dealt out to, so that several processes have something to do."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", choices=("cover", "whole"), default="cover", help="which models tests/matrix trains")
    parser.addoption("--matrix-share", default="1/1", metavar="I/N", help="of the whole, only the I-th of N shares")


@pytest.fixture(scope="session")
def parts() -> Parts:
    return Parts(Catalogue())


@pytest.fixture(scope="session")
def covering(parts: Parts) -> Covering:
    return cover(parts)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `corpus` and `bert`, and a cache of its own."""
    folder = tmp_path_factory.mktemp("matrix")
    tiny_bert(folder / "bert")
    corpus = small_corpus(train=120, others=8)
    (folder / "corpus").mkdir()
    names = dict(zip(corpus.labels.codes, corpus.labels.names, strict=True))
    (folder / "corpus" / "labels.json").write_text(json.dumps(names))
    for split in corpus.splits.values():
        lines = _lines(split, corpus.labels.codes)
        (folder / "corpus" / f"{split.name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def trainable(parts: Parts, workplace: Path) -> Callable[[Mixture], dict[str, object]]:
    """The spec of a mixture on the small corpus, in small sizes."""

    def make(mixture: Mixture) -> dict[str, object]:
        return small(mixture.spec, parts.catalogue, workplace / "corpus", workplace / "bert")

    return make


def _lines(split: Split, codes: tuple[str, ...]) -> Iterator[str]:
    for row in range(len(split)):
        labels = [codes[label] for label in split.label_sets[row]]
        yield json.dumps({"id": split.ids[row], "text": split.texts[row], "labels": labels})
