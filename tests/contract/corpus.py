"""A corpus of six labels that come in pairs, and a BERT of two layers that knows its words."""

from __future__ import annotations

import json
import random
from pathlib import Path

LABELS = {
    "a": "graphs trees",
    "b": "paths",
    "c": "words texts",
    "d": "speech",
    "e": "cells genes",
    "f": "rare drugs",
}
WORDS = {
    "a": ["graphs", "trees", "edges"],
    "b": ["paths", "walks", "routes"],
    "c": ["words", "texts", "letters"],
    "d": ["speech", "sounds", "voices"],
    "e": ["cells", "genes", "tissue"],
    "f": ["rare", "drugs", "doses"],
}
COMMON = ["we", "show", "that", "new", "results", "on", "the", "of"]
SETS = ["ab", "a", "cd", "", "ab", "c", "abc", "cd", "e", "ef", "cde", "b", "ef", "abcdef"]
"""Label sets that documents have in turn: pairs that go together, one label that is rare, no label, all of them."""


def write_corpus(folder: Path) -> None:
    """24 training documents, 8 for validation, 8 for testing, the names of the labels."""
    folder.mkdir()
    draw = random.Random(5)
    (folder / "labels.json").write_text(json.dumps(LABELS))
    for split, count, start in (("train", 24, 0), ("validation", 8, 4), ("test", 8, 2)):
        lines = []
        for place in range(count):
            labels = list(SETS[(start + place) % len(SETS)])
            lines.append(json.dumps({"id": f"{split}-{place}", "text": _text(labels, draw), "labels": labels}))
        if split == "test":
            lines[0] = json.dumps({"id": "short", "text": "genes", "labels": ["e"]})
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")


def _text(labels: list[str], draw: random.Random) -> str:
    sentences = []
    for _ in range(draw.randint(1, 3)):
        words = [draw.choice(WORDS[draw.choice(labels)]) for _ in range(draw.randint(1, 4))] if labels else []
        sentences.append(" ".join(words + draw.sample(COMMON, draw.randint(1, 3))))
    return " . ".join(sentences)


def write_bert(folder: Path) -> None:
    """Random weights, 32 wide, 64 positions; the tokenizer knows every word of the corpus."""
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{place}]" for place in range(20))]
    words = [*special, ".", *COMMON, *(word for own in WORDS.values() for word in own)]
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    tokenizer = Tokenizer(WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names).save_pretrained(folder)
