"""Ranking the labels of many documents with a model: for validation, evaluation and prediction alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from labelloom.compose.batches import make_batch, plain_draw
from labelloom.compose.model import Model
from labelloom.data.batching import evaluation_batches
from labelloom.data.cache import cache_folder
from labelloom.data.columns import Columns, tokenised
from labelloom.data.corpus import Split
from labelloom.errors import RunError
from labelloom.evaluation.depth import depth_for
from labelloom.evaluation.ranking import Ranking

RankedBatch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows (n,), label ids (n, depth) and scores (n, depth) of one batch."""


def rank_columns(model: Model, columns: Columns, label_count: int, batch_size: int) -> Ranking:
    """The best labels of every document of `columns`, in their order; how many, `depth_for` says."""
    return gathered(ranked_batches(model, columns, label_count, batch_size), len(columns), label_count)


def rank_split(model: Model, split: Split, label_count: int, batch_size: int) -> Ranking:
    """The same for a split, tokenised once and cached."""
    return rank_columns(model, tokenised(split, model.encoder.reader, cache_folder()), label_count, batch_size)


def gathered(batches: Iterable[RankedBatch], documents: int, label_count: int) -> Ranking:
    """The ranking of all documents from that of each batch."""
    depth = depth_for(documents, label_count)
    labels = np.empty((documents, depth), dtype=np.int64)
    scores = np.empty((documents, depth), dtype=np.float32)
    for rows, ids, values in batches:
        labels[rows], scores[rows] = ids, values
    return Ranking(labels, scores, label_count)


def ranked_batches(
    model: Model, columns: Columns, label_count: int, batch_size: int, rank: int = 0, world: int = 1
) -> Iterator[RankedBatch]:
    """One ranked batch after the other, documents of like length together; every `world`-th one from `rank` on.

    The model is put in eval mode meanwhile. Raises RunError when a score is NaN or infinite upwards.
    """
    device = next(model.parameters()).device
    reader = model.encoder.reader
    depth = depth_for(len(columns), label_count)
    training = model.training
    model.eval()
    try:
        for rows in evaluation_batches(columns.lengths, batch_size)[rank::world]:
            inputs = reader.collate(columns.rows(rows))
            batch = make_batch(inputs, plain_draw(len(rows)), label_count).to(device)
            with torch.inference_mode():
                ids, values = model.rank(batch, depth)
            scores = values.float().cpu().numpy()
            if not (scores < np.inf).all():
                raise RunError(
                    f"the model's scores of {int((~(scores < np.inf)).any(1).sum())} documents are not finite",
                    suggestions=["train it anew with a lower training.learning_rate"],
                )
            yield rows, ids.cpu().numpy(), scores
    finally:
        model.train(training)
