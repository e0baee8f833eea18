"""What a network says of a few labels for many documents, which a ranking of the best labels of each may lack."""

from __future__ import annotations

import numpy as np
import torch

from labelloom.compose.batches import plain_batch
from labelloom.compose.model import Model
from labelloom.data.batching import evaluation_batches
from labelloom.data.columns import Columns


def label_scores(model: Model, columns: Columns, labels: np.ndarray, label_count: int, batch_size: int) -> np.ndarray:
    """(N, R) float32: the final score of each of `labels` (R,) int64 for every document of `columns`.

    Only these labels are scored, unless a part of the model works on all of them or their scores share 1. The model is
    put in eval mode meanwhile.
    """
    device = next(model.parameters()).device
    reader = model.encoder.reader
    ids = torch.from_numpy(labels).to(device)
    live = (node for node in model.plan.nodes if node.path in model.inference)
    together = model.scale == "distribution" or any(node.signature.labels == "all" for node in live)
    found = np.empty((len(columns), len(labels)), dtype=np.float32)
    training = model.training
    model.eval()
    try:
        for rows in evaluation_batches(columns.lengths, batch_size):
            batch = plain_batch(columns.rows(rows), reader, label_count).to(device)
            with torch.inference_mode():
                scores = model(batch)[:, ids] if together else model(batch.with_labels(ids[None]))
            found[rows] = scores.float().cpu().numpy()
    finally:
        model.train(training)
    return found
