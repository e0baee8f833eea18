"""Documents a second in training: batches grouped by length with dynamic padding against padding to one length.

    python benchmarks/length_grouping.py --source reuters-folder [--encoder bilstm] [--steps 30]

Both sides train the same model on the same number of documents of one source, in turns; the fixed side pads every
batch to `max_length`, as a loop without grouping does. The median ratio is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from step_overhead import ENCODERS
from torch import nn

from labelloom.bundles import Catalogue
from labelloom.compose.batches import make_batch, make_targets
from labelloom.compose.build import build, initialise, prepare
from labelloom.compose.check import check
from labelloom.data.batching import batch_rows
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import load_corpus
from labelloom.interfaces import Draw, States
from labelloom.spec import validate_spec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="arxiv-mini", help="a bundled sample, or a folder of JSON lines")
    parser.add_argument("--encoder", choices=ENCODERS, default="transformer")
    parser.add_argument("--steps", type=int, default=20, help="steps of each round and side")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    encoder = {**ENCODERS[options.encoder], "max_length": 192}
    spec = validate_spec(
        {
            "name": "grouping",
            "data": {"source": options.source},
            "model": {"encoder": encoder, "predictor": {"use": "standard/linear"}},
            "tasks": [{"use": "standard/bce"}],
        }
    )
    plan = check(spec, None, Catalogue())
    corpus = load_corpus(spec.data)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    model = assembly.model.train()
    reader = model.encoder.reader
    columns = tokenised(corpus.train, reader, cache_folder())
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(rows: np.ndarray, length: int | None) -> None:
        tokenised_rows = columns.rows(rows)
        inputs = reader.collate(tokenised_rows)
        if length is not None:
            inputs = {name: padded(value, length) for name, value in inputs.items()}
        draw = Draw(rows, len(rows))
        batch = make_batch(inputs, draw, len(corpus.labels))
        truth = make_targets(draw, corpus.train.label_sets).dense(batch.label_ids).float()
        with torch.autocast("cpu", torch.bfloat16):
            scores = model.predictor(model.encoder(States(), batch), batch).scores
        F.binary_cross_entropy_with_logits(scores.float(), truth, reduction="sum").backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    ratios = []
    for number in range(options.rounds + 1):
        rates = {}
        for name, length in (("grouped", None), ("fixed", 192)):
            batches = batch_rows(columns.lengths, 16, 0, number, group=length is None)
            # The first grouped batch is the longest on purpose; a fair sample leaves it out on both sides.
            sample = batches[1 : options.steps + 1]
            began = time.perf_counter()
            for rows in sample:
                step(rows, length)
            rates[name] = sum(len(rows) for rows in sample) / (time.perf_counter() - began)
        if number:  # the first round warms up
            ratios.append(rates["grouped"] / rates["fixed"])
            print(f"grouped {rates['grouped']:.1f}, fixed {rates['fixed']:.1f} documents/s, ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f} over {len(ratios)} rounds")


def padded(value: torch.Tensor, length: int) -> torch.Tensor:
    """(B, T) padded with zeros to (B, length)."""
    return F.pad(value, (0, length - value.shape[1]))


if __name__ == "__main__":
    main()
