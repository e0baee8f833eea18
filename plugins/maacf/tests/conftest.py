"""What the tests share: small contexts, batches and targets, a tiny BERT on disk, the bundle as if installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom import testing
from labelloom.bundles import Catalogue
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, Targets

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "graph", "of", "##s", "word", "neural", "network", "text", "."]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def make_context() -> Callable[..., Context]:
    """The context of a part over `count` labels; a width's "__" is the dot of a bundle's own field."""

    def make(
        assets: Mapping[str, Any] | None = None, count: int = 6, parts: Mapping[str, Any] | None = None, **widths: Any
    ) -> Context:
        codes = tuple(f"label {place}" for place in range(count))
        named = {name.replace("__", "."): width for name, width in widths.items()}
        return Context("model.part", named, LabelSpace(codes, codes), assets or {}, parts or {})

    return make


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """A batch of `count` rows over `labels` labels, all under consideration, or those of `ids`."""

    def make(
        count: int, labels: int = 6, inputs: Mapping[str, Any] | None = None, ids: Any = None, **fields: Any
    ) -> Batch:
        return testing.every_row(count, labels, inputs, ids, **fields)

    return make


@pytest.fixture
def targets_of() -> Callable[..., Targets]:
    """The targets of documents that carry these labels."""

    def make(carried: Sequence[Sequence[int]], labels: int = 6) -> Targets:
        return testing.targets_of(carried, labels)

    return make


@pytest.fixture
def agree() -> Callable[..., None]:
    """Two ways to compute one tensor give the same values and the same gradients of `leaves`."""
    return testing.agree


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a BERT of two layers, 32 wide, with 40 positions and a vocabulary of a few words."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=40, **sizes)).save_pretrained(folder)
    tokenizer = Tokenizer(WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The catalogue of a path on which this bundle and the one that it rests on are installed."""
    return testing.installed(tmp_path / "site", ROOT / "maacf", ROOT / "standard")
