"""What the tests share: small contexts and batches, a tiny BERT on disk, and the bundle as if it were installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom import testing
from labelloom.bundles import Catalogue
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, Files, States

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "graph", "of", "##s", "word", "neural", "network", "text", "."]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def labels() -> LabelSpace:
    """Five labels; the name of the last is in no vocabulary, its code is."""
    return LabelSpace(("a", "b", "c", "d", "text"), ("graphs", "words of text", "neural network", "a", " "))


@pytest.fixture
def make_context(labels: LabelSpace) -> Callable[..., Context]:
    def make(assets: Mapping[str, Any] | None = None, count: int | None = None, **widths: int) -> Context:
        space = labels if count is None else LabelSpace(*[tuple(f"label {place}" for place in range(count))] * 2)
        return Context("model.part", widths, space, assets or {})

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
def architecture(bert: Path) -> dict[str, Files]:
    """What `prepare` takes of it."""
    return {"architecture": Files(bert, ("config.json", "tokenizer.json", "tokenizer_config.json"))}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The catalogue of a path on which this bundle and those that it rests on are installed."""
    return testing.installed(tmp_path / "site", ROOT / "laco", ROOT / "standard")
