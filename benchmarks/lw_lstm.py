"""What label-wise attention costs beside the recurrent network that it rests on.

    python benchmarks/lw_lstm.py [--labels 54] [--pairs 9] [--precision bf16]

One side is `lwpt/lw-lstm` with `standard/label-linear` on its label vectors, the other the bare recurrent network on
the same word vectors, on the same 32 documents of 60 to 200 words. Forward and backward of the two alternate, so both
meet the same machine within the same seconds; the median of the ratios of their documents a second, pair by pair, is
what is printed. 1 is as fast; below 0.7 something beside the recurrent network costs too much.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from in_turns import WARM, in_turns, median_ratio
from torch import Tensor, nn

from labelloom.compose.batches import make_batch, plain_draw
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, States, masked_mean, pad
from labelloom_lwpt.config import LabelWiseLSTMConfig
from labelloom_lwpt.lw_lstm import LabelWiseLSTM
from labelloom_standard.config import LabelLinearConfig
from labelloom_standard.label_linear import LabelLinear
from labelloom_standard.recurrent import BidirectionalRecurrent

DOCUMENTS = 32
WORDS = 20_000


class LabelWise(nn.Module):
    """The encoder and a score of each label."""

    def __init__(self, config: LabelWiseLSTMConfig, labels: LabelSpace) -> None:
        super().__init__()
        words = {"words": [f"word {place}" for place in range(WORDS)], "width": config.hidden}
        self.encoder = LabelWiseLSTM(config, Context("model.encoder", {}, labels, words))
        self.predictor = LabelLinear(
            LabelLinearConfig(weights="per-label"), Context("model.predictor", self.encoder.widths, labels)
        )

    def forward(self, batch: Batch) -> Tensor:
        return self.predictor(self.encoder(States(), batch), batch).scores


class Bare(nn.Module):
    """The recurrent network of the same options and the mean of its states."""

    def __init__(self, config: LabelWiseLSTMConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.recurrent = BidirectionalRecurrent(
            config.cell, embedding.embedding_dim, config.hidden, config.layers, config.dropout
        )

    def forward(self, batch: Batch) -> Tensor:
        mask = batch.inputs["mask"]
        return masked_mean(self.recurrent(self.embedding(batch.inputs["ids"]), mask), mask)


def documents(labels: int) -> Batch:
    """A batch of texts of 60 to 200 words."""
    lengths = torch.randint(60, 201, (DOCUMENTS,)).tolist()
    ids, mask = pad([torch.randint(2, WORDS, (length,)).tolist() for length in lengths])
    return make_batch({"ids": ids, "mask": mask}, plain_draw(DOCUMENTS), labels)


def documents_a_second(model: nn.Module, batch: Batch, precision: str) -> float:
    """Of one forward and backward."""
    model.zero_grad(set_to_none=True)
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        found = model(batch)
    found.float().square().sum().backward()
    return DOCUMENTS / (time.perf_counter() - began)


def measure(labels: int, pairs: int, precision: str) -> None:
    """Alternate the two and print medians and ratio."""
    torch.manual_seed(0)
    space = LabelSpace(*[tuple(f"label {place}" for place in range(labels))] * 2)
    config = LabelWiseLSTMConfig()
    ours = LabelWise(config, space)
    bare = Bare(config, ours.encoder.embedding)
    batches = [documents(labels) for _ in range(pairs + WARM)]

    def speed(model: nn.Module) -> Callable[[int], float]:
        return lambda pair: documents_a_second(model, batches[pair], precision)

    label_wise, alone = in_turns(speed(ours), speed(bare), pairs)
    print(
        f"{labels} labels, {precision}: label-wise {statistics.median(label_wise):.1f} documents/s, bare "
        f"{statistics.median(alone):.1f} documents/s, median ratio {median_ratio(label_wise, alone):.3f} over "
        f"{pairs} pairs"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=54)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    options = parser.parse_args()
    measure(options.labels, options.pairs, options.precision)
