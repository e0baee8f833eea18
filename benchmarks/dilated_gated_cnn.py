"""What gates, attention and maximum cost beside the convolutions that they rest on.

    python benchmarks/dilated_gated_cnn.py [--widths 384 768] [--pairs 5] [--precision bf16]

One side is `clmil/dilated-gated-cnn` with the options that it has by default, the other its 16 convolutions alone, one
on the other, on tokens of the same 4 documents of 60 to 200 words. Forward and backward of the two alternate, so both
meet the same machine within the same seconds; the median of the ratios of their documents a second, pair by pair, is
what is printed. 1 is as fast; below 0.7 something beside the convolutions costs too much.
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
from labelloom.interfaces import Context, States, pad
from labelloom_clmil.config import DilatedGatedConfig
from labelloom_clmil.dilated_gated_cnn import DilatedGatedCNN

DOCUMENTS = 4
LABELS = LabelSpace(("a",), ("a label",))


class Coarse(nn.Module):
    """The module itself."""

    def __init__(self, part: DilatedGatedCNN) -> None:
        super().__init__()
        self.part = part

    def forward(self, states: States) -> Tensor:
        return self.part(states, make_batch({}, plain_draw(DOCUMENTS), len(LABELS))).document


class Bare(nn.Module):
    """Its convolutions alone; what those of a layer say is added."""

    def __init__(self, part: DilatedGatedCNN) -> None:
        super().__init__()
        self.layers, self.last = part.layers, part.convolution

    def forward(self, states: States) -> Tensor:
        words = states.tokens.mT.contiguous()  # (B, W, T)
        for layer in self.layers:
            one, other = layer(words).chunk(2, 1)
            words = one + other
        return self.last(torch.cat([words, words], 1)).amax(2)


def documents(width: int) -> States:
    """Vectors of words, through which a gradient goes on to an encoder."""
    lengths = torch.randint(60, 201, (DOCUMENTS,)).tolist()
    _, mask = pad([[0] * length for length in lengths])
    return States(tokens=torch.randn(*mask.shape, width, requires_grad=True), token_mask=mask)


def documents_a_second(model: nn.Module, states: States, precision: str) -> float:
    """Of one forward and backward."""
    model.zero_grad(set_to_none=True)
    states.tokens.grad = None
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        found = model(states)
    found.float().square().sum().backward()
    return DOCUMENTS / (time.perf_counter() - began)


def measure(width: int, pairs: int, precision: str) -> None:
    """Alternate the two and print medians and ratio."""
    torch.manual_seed(0)
    part = DilatedGatedCNN(DilatedGatedConfig(), Context("model.part", {"tokens": width}, LABELS))
    batches = [documents(width) for _ in range(pairs + WARM)]

    def speed(model: nn.Module) -> Callable[[int], float]:
        return lambda pair: documents_a_second(model, batches[pair], precision)

    ours, bare = in_turns(speed(Coarse(part)), speed(Bare(part)), pairs)
    print(
        f"width {width}, {precision}: {statistics.median(ours):.2f} documents/s, bare convolutions "
        f"{statistics.median(bare):.2f} documents/s, median ratio {median_ratio(ours, bare):.3f} over {pairs} pairs"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[384, 768])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    options = parser.parse_args()
    for width in options.widths:
        measure(width, options.pairs, options.precision)
