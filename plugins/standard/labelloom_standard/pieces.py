"""Texts to word pieces: the reader of encoders that are transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import AutoTokenizer

from labelloom.interfaces import Files, Reader, pad, stable_digest
from labelloom_standard.pretrained import tokenizer_digest


class PieceReader(Reader):
    """Cuts texts into the pieces of a fast tokenizer, with its special tokens before and after, at most `max_length`.

    tokenizer  the tokenizer itself, for holders that need more of it
    before     how many special tokens stand before a document's own pieces
    after      how many stand after them

    Raises ValueError when there is no fast tokenizer, or `max_length` leaves no room for a piece.
    """

    def __init__(self, files: Files, max_length: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(files.root, local_files_only=True, trust_remote_code=False)
        if not self.tokenizer.is_fast:
            raise ValueError(f"{type(self.tokenizer).__name__} is no fast tokenizer: the model needs a tokenizer.json")
        self.max_length = max_length
        self.key = stable_digest("standard/pieces", tokenizer_digest(files), str(max_length))
        special = self.tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
        self.before = special.index(0)
        self.after = special[::-1].index(0)
        if max_length <= self.before + self.after:
            raise ValueError(
                f"max_length = {max_length} leaves no room for a document: the special tokens alone take "
                f"{self.before} + {self.after}"
            )

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Columns `ids`, special tokens included, and `length`, their number."""
        ids = self.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.max_length,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`input_ids`, `attention_mask` (B, T) int64, and `token_mask` (B, T) bool: the documents' own pieces."""
        padding = self.tokenizer.pad_token_id
        ids, present = pad([row["ids"] for row in rows], 0 if padding is None else padding)
        places = torch.arange(ids.shape[1])
        token_mask = (places >= self.before) & (places < present.sum(1, keepdim=True) - self.after)
        # A text without any piece, special ones included, attends to one padding: a softmax over nothing is NaN.
        present[:, 0] = True
        return {"input_ids": ids, "attention_mask": present.long(), "token_mask": token_mask}
