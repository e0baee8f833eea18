"""A BERT that is built in an instant, for components that start from a pretrained model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from labelloom.testing.corpus import WORDS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_bert(folder: Path, words: Sequence[str] = WORDS, **changes: Any) -> Path:
    """Write a BERT with random weights into `folder`, as `save_pretrained` does; gives `folder`.

    It has two layers of two heads, 32 wide, and 512 positions; `changes` are to its configuration. Its tokenizer splits
    at white space and punctuation and knows `words`, lower case; "##s" among them is a piece that goes on a word. The
    weights are the same each time, and torch's random numbers go on as if nothing had been drawn. Needs the library
    `transformers`.
    """
    from transformers import BertConfig, BertModel

    vocabulary = [*SPECIAL, *words]
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = BertConfig(vocab_size=len(vocabulary), **{"max_position_embeddings": 512, **sizes, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        BertModel(config).save_pretrained(folder)
    _save_tokenizer(folder, vocabulary)
    return folder


def _save_tokenizer(folder: Path, vocabulary: Sequence[str]) -> None:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import PreTrainedTokenizerFast

    ids = {word: place for place, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names).save_pretrained(folder)
