"""What the tests share: small contexts, batches and targets, a corpus of given label sets, and a tiny BERT on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom import testing
from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Batch, Context, Targets

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["graphs", "texts", "cells", "rare", "we", "show", "."]


@pytest.fixture(scope="session")
def make_context() -> Callable[..., Context]:
    """The context of a part in a model of `count` labels, with fields of these widths."""

    def make(assets: Any = None, count: int = 5, **widths: int) -> Context:
        names = tuple(f"label {place}" for place in range(count))
        return Context("model.part", widths, LabelSpace(names, names), assets or {})

    return make


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Batch]:
    """A batch of `count` rows over `labels` labels, all under consideration, or those of `ids`."""

    def make(count: int, labels: int = 5, ids: Any = None, **fields: Any) -> Batch:
        return testing.every_row(count, labels, ids=ids, **fields)

    return make


@pytest.fixture(scope="session")
def targets_of() -> Callable[[Any], Targets]:
    """Targets from rows of booleans."""

    def make(dense: Any) -> Targets:
        table = torch.as_tensor(dense, dtype=torch.bool)
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), table.sum(1).cumsum(0)])
        return Targets(offsets, table.nonzero()[:, 1], table.shape[1])

    return make


@pytest.fixture(scope="session")
def corpus_of() -> Callable[..., Corpus]:
    """A corpus whose training documents carry these labels, of `count`; for validation it has one without any."""

    def make(carried: Sequence[Sequence[int]], count: int) -> Corpus:
        splits = {}
        for name, lists in (("train", carried), ("validation", [[]])):
            texts = Texts.from_list([f"{name} {place}" for place in range(len(lists))])
            splits[name] = Split(name, texts, texts, LabelSets.from_lists(lists, count), name)
        names = tuple(f"label {place}" for place in range(count))
        return Corpus("made", LabelSpace(names, names), splits)

    return make


@pytest.fixture(scope="session")
def make_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], Path]:
    """The folder of a BERT of two layers, 32 wide, with 48 positions and a vocabulary of these words."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordLevel
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    def make(words: Sequence[str]) -> Path:
        vocabulary = [*SPECIAL, *words]
        folder = tmp_path_factory.mktemp("bert")
        torch.manual_seed(3)
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
        BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=48, **sizes)).save_pretrained(folder)
        ids = {word: place for place, word in enumerate(vocabulary)}
        tokenizer = Tokenizer(WordLevel(ids, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        named = PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **special)
        named.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def bert(make_bert: Callable[[Sequence[str]], Path]) -> Path:
    """Such a BERT with a vocabulary of a few words."""
    return make_bert(WORDS)
