"""What labels in a language model's input pay each other of its attention (Song et al. 2021 section 5.6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from labelloom.compose.batches import plain_batch
from labelloom.compose.model import Assembly
from labelloom.data.batching import evaluation_batches
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import Split
from labelloom.errors import RunError
from labelloom.interfaces import Batch, States
from labelloom_standard.slot_encoder import SlotEncoder

Layers = Literal["last", "all"]


def slot_attention(encoder: SlotEncoder, batch: Batch, layers: Layers = "last") -> Tensor:
    """(B, L, L): from the pieces of label i to those of label j, the mean over heads, and over layers or of the last.

    The rows add up to less than 1: documents and special tokens get the rest. The language model's kernel must be
    "eager". Raises RunError where it does not tell its attention.
    """
    joined = encoder.join(batch.inputs["input_ids"], batch)
    found = encoder.run(joined.ids, joined.present, joined.segments, output_attentions=True).attentions
    length = joined.ids.shape[1]
    if not found or any(each is None or each.shape[-2:] != (length, length) for each in found):
        raise RunError(
            f"{encoder.model.config.model_type} does not tell what each position pays to each other of its attention",
            where=encoder.path,
            suggestions=["a run with a model such as BERT"],
        )
    chosen = found[-1:] if layers == "last" else found
    mean = torch.stack([each.mean(1) for each in chosen]).mean(0)  # (B, T + S, T + S)
    return encoder.label_states.between(joined.between(mean))


def mean_slot_attention(
    assembly: Assembly, split: Split, path: str | None = None, layers: Layers = "last", batch_size: int = 8
) -> np.ndarray:
    """(L, L) float64: `slot_attention` averaged over the documents of a split, with no label told.

    Args:
        assembly: a model; it is put in eval mode.
        split: whose documents are read; its labels are not looked at.
        path: of the encoder, where several have labels in their input.
        layers: the last one, or the mean of all.
        batch_size: of documents that are read at once; all layers' attention of them is held in memory.

    Raises:
        RunError: when no encoder has labels in its input, or several have and `path` names none of them.
    """
    assembly.eval()
    model = assembly.model
    encoder = chosen_encoder(assembly, path)
    columns = tokenised(split, model.encoder.reader, cache_folder())
    device = next(model.parameters()).device
    count = len(encoder.label_states.sizes)
    total = torch.zeros(count, count, dtype=torch.float64)
    with torch.inference_mode(), eager(encoder.model):
        for rows in evaluation_batches(columns.lengths, batch_size):
            batch = plain_batch(columns.rows(rows), model.encoder.reader, count).to(device)
            attention = slot_attention(encoder, seen_by(encoder, model.encoder, batch), layers)
            total += attention.double().sum(0).cpu()
    return cast(np.ndarray, total.numpy() / len(split))


def chosen_encoder(assembly: Assembly, path: str | None) -> SlotEncoder:
    """The encoder with labels in its input, the one at `path` where there are several. Raises RunError."""
    found = {place: part for place, part in assembly.parts.items() if isinstance(part, SlotEncoder)}
    reading = {place: part for place, part in found.items() if not part.config.text_alone}
    if not reading:
        alone = ", ".join(f"{place} reads the text alone" for place in found)
        raise RunError(
            f"no encoder of this run has labels in its input{f' ({alone})' if alone else ''}",
            suggestions=["a run whose encoder has a slot or a token for each label"],
        )
    if path is None and len(reading) == 1:
        return next(iter(reading.values()))
    if path not in reading:
        told = "several encoders have labels in their input" if path is None else f"no such encoder: {path}"
        raise RunError(told, where="part", suggestions=list(reading))
    return reading[path]


def seen_by(part: nn.Module, encoder: nn.Module, batch: Batch) -> Batch:
    """`batch` as `part` sees it when `encoder`, which is it or holds it, reads it."""
    if part is encoder:
        return batch
    seen: list[Batch] = []
    handle = part.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[1]))
    try:
        encoder(States(), batch)
    finally:
        handle.remove()
    return seen[0]


@contextmanager
def eager(model: Any) -> Iterator[None]:
    """Meanwhile the language model computes attention as weights that can be looked at; other kernels never do."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
