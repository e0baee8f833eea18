"""What the tests share: small contexts and batches, a tiny BERT on disk, and the bundle as if it were installed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom import testing
from labelloom.bundles import Catalogue
from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Batch, Context, Files, States
from labelloom_lmmtc.config import LabelMaskConfig
from labelloom_lmmtc.label_mask_encoder import LabelMaskEncoder

WORDS = ["a", "graph", "of", "##s", "word", "neural", "network", "text", "."]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def labels() -> LabelSpace:
    """Five labels."""
    return LabelSpace(tuple("abcde"), ("graphs", "words of text", "neural network", "a", "network of words"))


@pytest.fixture
def make_context(labels: LabelSpace) -> Callable[..., Context]:
    def make(assets: Mapping[str, Any] | None = None, count: int | None = None, **widths: int) -> Context:
        space = labels if count is None else LabelSpace(*[tuple(f"label {place}" for place in range(count))] * 2)
        return Context(
            "model.part", {name.replace("__", "."): width for name, width in widths.items()}, space, assets or {}
        )

    return make


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """A batch of `count` rows over `labels` labels, all under consideration, or those of `ids`."""

    def make(
        count: int, labels: int = 5, inputs: Mapping[str, Any] | None = None, ids: Any = None, **fields: Any
    ) -> Batch:
        return testing.every_row(count, labels, inputs, ids, **fields)

    return make


@pytest.fixture
def read() -> Callable[..., States]:
    """What an encoder makes of texts, in one batch."""

    def encode(encoder: Any, texts: Sequence[str], labels: int = 5, **fields: Any) -> States:
        return testing.read_texts(encoder, texts, labels, **fields)

    return encode


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a BERT of two layers, 32 wide, with 48 positions and a vocabulary of a few words."""
    return testing.tiny_bert(tmp_path_factory.mktemp("bert"), WORDS, max_position_embeddings=48)


@pytest.fixture
def architecture(bert: Path) -> dict[str, Files]:
    """What `prepare` takes of it."""
    return {"architecture": Files(bert, ("config.json", "tokenizer.json", "tokenizer_config.json"))}


@pytest.fixture
def build(bert: Path, architecture: Any, make_context: Callable[..., Context]) -> Callable[..., LabelMaskEncoder]:
    """A label-mask encoder in eval mode, in float64, with the weights of the tiny BERT."""

    def make(count: int | None = None, **options: Any) -> LabelMaskEncoder:
        torch.manual_seed(0)
        config = LabelMaskConfig(pretrained=str(bert), **options)
        encoder = LabelMaskEncoder(config, make_context(architecture, count))
        encoder.initialise(None, None)  # type: ignore[arg-type]
        return encoder.double().eval()

    return make


@pytest.fixture
def corpus(labels: LabelSpace) -> Corpus:
    """48 documents of three words for training and 12 for validation, whose labels are the words' and one by chance."""
    draw = random.Random(4)
    splits = {}
    for name, count in (("train", 48), ("validation", 12)):
        words = [[draw.randrange(4) for _ in range(3)] for _ in range(count)]
        texts = Texts.from_list([" ".join(("graph", "word", "neural", "text")[word] for word in own) for own in words])
        sets = LabelSets.from_lists([sorted({*own, *([4] * draw.randrange(2))}) for own in words], len(labels))
        ids = Texts.from_list([str(place) for place in range(count)])
        splits[name] = Split(name, ids, texts, sets, name)
    return Corpus("made", labels, splits)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The catalogue of a path on which this bundle and those that it rests on are installed."""
    return testing.installed(tmp_path / "site", ROOT / "lmmtc", ROOT / "standard")
