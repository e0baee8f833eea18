"""Ranking the labels of many documents with a model: for validation, evaluation and prediction alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from labelloom.compose.batches import plain_batch
from labelloom.compose.model import Model
from labelloom.compose.shortlist import Shortlist
from labelloom.data.batching import evaluation_batches
from labelloom.data.cache import cache_folder
from labelloom.data.columns import Columns, tokenised
from labelloom.data.corpus import Split
from labelloom.errors import RunError
from labelloom.evaluation.depth import depth_for
from labelloom.evaluation.ranking import Ranking

_DOCUMENTS = 1024
"""Documents that are ranked together, so that what label sides take from labels alone is computed less often; fewer
where what these read of documents is large (`Model.rank_all`)."""
_LABELS = 4096
"""Labels that are scored at once; more are scored in chunks."""
_PAIRS = 1 << 16
"""Pairs of a document and a label that a chunk has: a vector of 256 numbers for each is 64 MiB."""
_FEWEST = 128
"""Labels in a chunk, however many documents a batch has."""

RankedBatch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows (n,), label ids (n, depth) and scores (n, depth) of one batch."""


def rank_columns(
    model: Model, columns: Columns, label_count: int, batch_size: int, shortlist: Shortlist | None = None
) -> Ranking:
    """The best labels of every document of `columns`, in their order; how many, `depth_for` says.

    With a `shortlist` no more than are on it, and only these are scored.
    """
    batches = ranked_batches(model, columns, label_count, batch_size, shortlist=shortlist)
    return gathered(batches, len(columns), label_count, None if shortlist is None else shortlist.count)


def rank_split(
    model: Model, split: Split, label_count: int, batch_size: int, shortlist: Shortlist | None = None
) -> Ranking:
    """The same for a split, tokenised once and cached."""
    columns = tokenised(split, model.encoder.reader, cache_folder())
    return rank_columns(model, columns, label_count, batch_size, shortlist)


def gathered(batches: Iterable[RankedBatch], documents: int, label_count: int, most: int | None = None) -> Ranking:
    """The ranking of all documents from that of each batch, with at most `most` labels of each."""
    depth = min(depth_for(documents, label_count), most or label_count)
    labels = np.empty((documents, depth), dtype=np.int64)
    scores = np.empty((documents, depth), dtype=np.float32)
    for rows, ids, values in batches:
        labels[rows], scores[rows] = ids, values
    return Ranking(labels, scores, label_count)


def ranked_batches(
    model: Model,
    columns: Columns,
    label_count: int,
    batch_size: int,
    rank: int = 0,
    world: int = 1,
    shortlist: Shortlist | None = None,
) -> Iterator[RankedBatch]:
    """One ranked batch after the other, documents of like length together; every `world`-th one from `rank` on.

    The model is put in eval mode meanwhile. Raises RunError when a score is NaN or infinite upwards.
    """
    device = next(model.parameters()).device
    reader = model.encoder.reader
    depth = depth_for(len(columns), label_count)
    chunk, together = chunk_of(label_count, batch_size), together_of(label_count, batch_size)
    if shortlist is not None:
        chunk = max(_FEWEST, _PAIRS // batch_size)  # of each document its own, a vector for each pair
    training = model.training
    model.eval()
    mine = evaluation_batches(columns.lengths, batch_size)[rank::world]
    try:
        for start in range(0, len(mine), together):
            rows_of = mine[start : start + together]
            batches = [plain_batch(columns.rows(rows), reader, label_count).to(device) for rows in rows_of]
            with torch.inference_mode():
                ranked = model.rank_all(batches, depth, chunk, shortlist)
            for rows, (ids, values) in zip(rows_of, ranked, strict=True):
                yield rows, ids.cpu().numpy(), _finite(values.float().cpu().numpy())
    finally:
        model.train(training)


def chunk_of(label_count: int, batch_size: int) -> int:
    """How many labels are scored at once."""
    return _LABELS if label_count <= _LABELS else min(_LABELS, max(_FEWEST, _PAIRS // batch_size))


def together_of(label_count: int, batch_size: int) -> int:
    """How many batches are ranked together; one where all labels are scored at once."""
    return 1 if label_count <= _LABELS else math.ceil(_DOCUMENTS / batch_size)


def _finite(scores: np.ndarray) -> np.ndarray:
    """`scores` as they are. Raises RunError where one is NaN or infinite upwards."""
    wrong = int((~(scores < np.inf)).any(1).sum())
    if wrong:
        raise RunError(
            f"the model's scores of {wrong} documents are not finite",
            suggestions=["train it anew with a lower training.learning_rate"],
        )
    return scores
