"""What label tokens in the input cost beside as many more tokens of text.

    python benchmarks/label_tokens.py [--labels 20] [--pairs 15] [--precision bf16]

One side is `laco/joint-encoder` on documents that fill what the labels leave, the other `standard/transformer` on
documents as long as both together. Forward and backward of the two alternate, so both meet the same machine within
the same second; the median of the ratios, pair by pair, is what is printed. It should be near 1.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from in_turns import in_turns, median_ratio

from labelloom.compose.batches import make_batch, plain_draw
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Context, Encoder, States
from labelloom_laco.config import JointEncoderConfig
from labelloom_laco.joint_encoder import JointEncoder
from labelloom_standard.config import TransformerConfig
from labelloom_standard.transformer import Transformer

TEXT = "a model of language reads the words of long documents and finds what they are about " * 40
DOCUMENTS = 16


def made(part: type[Encoder], config: object, labels: LabelSpace) -> Encoder:
    """The encoder with random weights, which cost what pretrained ones cost."""
    torch.manual_seed(0)
    assets = part.prepare(config, None)  # type: ignore[arg-type]  # they come from files, not from a corpus
    return part(config, Context("model.encoder", {}, labels, assets)).train()


def seconds(encoder: Encoder, labels: int, precision: str) -> float:
    """One forward and backward over documents that are as long as can be."""
    columns = encoder.reader.tokenize([TEXT] * DOCUMENTS)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(DOCUMENTS)]
    batch = make_batch(encoder.reader.collate(rows), plain_draw(DOCUMENTS), labels)
    encoder.zero_grad(set_to_none=True)
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        states = encoder(States(), batch)
    used = [states.document, *([] if states.labels is None else [states.labels])]
    sum(each.float().square().sum() for each in used).backward()
    return time.perf_counter() - began


def measure(labels: int, pairs: int, precision: str) -> None:
    """Alternate the two and print medians and ratio."""
    space = LabelSpace(*[tuple(f"label {place}" for place in range(labels))] * 2)
    length = 192 + labels + 1
    joint = made(JointEncoder, JointEncoderConfig(max_length=length, pooling="mean", random_init=True), space)
    plain = made(Transformer, TransformerConfig(max_length=length, random_init=True), space)
    ours, theirs = in_turns(
        lambda _: seconds(joint, labels, precision), lambda _: seconds(plain, labels, precision), pairs
    )
    print(
        f"{labels} label tokens, {precision}: joint {statistics.median(ours) * 1000:.0f} ms, plain with {length} "
        f"pieces {statistics.median(theirs) * 1000:.0f} ms, median ratio {median_ratio(ours, theirs):.3f} over "
        f"{pairs} pairs"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    options = parser.parse_args()
    measure(options.labels, options.pairs, options.precision)
