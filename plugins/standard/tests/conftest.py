"""What the tests share: small contexts and batches, a tiny BERT on disk, and the bundle as if it were installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labelloom import testing
from labelloom.bundles import Catalogue
from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Batch, Context, States

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "graph", "of", "##s", "word", "neural", "network", "text", "."]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def labels() -> LabelSpace:
    """Five labels."""
    return LabelSpace(tuple("abcde"), ("graphs", "words of text", "neural network", "a", "network of words"))


@pytest.fixture
def make_context(labels: LabelSpace) -> Callable[..., Context]:
    def make(assets: Mapping[str, Any] | None = None, parts: Mapping[str, Any] | None = None, **widths: int) -> Context:
        return Context("model.part", widths, labels, assets or {}, parts or {})

    return make


@pytest.fixture
def make_batch(labels: LabelSpace) -> Callable[..., Batch]:
    """A batch of `count` rows with every label under consideration, or those of `ids`."""

    def make(
        count: int, inputs: Mapping[str, Any] | None = None, ids: Any = None, mask: Any = None, **fields: Any
    ) -> Batch:
        masked = {} if mask is None else {"label_mask": torch.as_tensor(mask)}
        return testing.every_row(count, len(labels), inputs, ids, **masked, **fields)

    return make


@pytest.fixture
def read(labels: LabelSpace) -> Callable[..., States]:
    """What an encoder makes of texts, in one batch."""

    def encode(encoder: Any, texts: Sequence[str]) -> States:
        return testing.read_texts(encoder, texts, len(labels))

    return encode


@pytest.fixture
def make_corpus(labels: LabelSpace) -> Callable[..., Corpus]:
    """A corpus of a training and a validation split with these texts."""

    def split(name: str, texts: Sequence[str]) -> Split:
        ids = Texts.from_list([str(place) for place in range(len(texts))])
        sets = LabelSets.from_lists([[0]] * len(texts), len(labels))
        return Split(name, ids, Texts.from_list(texts), sets, name)

    def make(train: Sequence[str], validation: Sequence[str] = ("unseen",)) -> Corpus:
        return Corpus("made", labels, {"train": split("train", train), "validation": split("validation", validation)})

    return make


@pytest.fixture
def agree() -> Callable[..., None]:
    """Two ways to compute one tensor give the same values and the same gradients of `leaves`."""
    return testing.agree


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a BERT of two layers, 32 wide, with 24 positions and a vocabulary of a few words."""
    return save_tokenizer(save_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture(scope="session")
def copy_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Another such folder, with `changes` in its configuration."""

    def make(**changes: Any) -> Path:
        return save_tokenizer(save_bert(tmp_path_factory.mktemp("bert"), **changes))

    return make


def save_bert(folder: Path, **changes: Any) -> Path:
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=24, **{**sizes, **changes})
    BertModel(config).save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path) -> Path:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The catalogue of a path on which this bundle alone is installed, from the entry points of its pyproject."""
    return testing.installed(tmp_path / "site", ROOT / "standard")


@pytest.fixture
def documents() -> tuple[Tensor, Tensor]:
    """(4, 6, 8) float64 tokens and their mask: six words, three, none, and words that special tokens surround."""
    torch.manual_seed(1)
    tokens = torch.randn(4, 6, 8, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0], [0] * 6, [0, 1, 1, 1, 0, 0]], dtype=torch.bool)
    return tokens, mask


@pytest.fixture
def weights() -> Callable[[nn.Module], list[Tensor]]:
    return lambda module: list(module.parameters())
