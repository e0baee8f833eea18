"""How the step time of the hierarchical label-wise encoder grows with labels and with sentences.

    python benchmarks/hlw_lstm.py [--labels 10 50 100] [--sentences 5 10 20] [--rounds 3] [--precision bf16]

Forward and backward of `lwpt/hlw-lstm` over 8 documents, whose sentences have 20 words each. Every round takes each
number of labels with each number of sentences once, so all meet the same machine; medians are printed. Time that grows
with the product of the two has a constant part, what labels share, and from then on the same time for each label and
sentence that is added: the last column must not rise along a row of labels or of sentences.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import product

import torch

from labelloom.compose.batches import make_batch, plain_draw
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, States
from labelloom_lwpt.config import HierarchicalConfig
from labelloom_lwpt.hlw_lstm import HierarchicalLabelWiseLSTM

DOCUMENTS = 8
LENGTH = 20
WORDS = 20_000


def made(labels: int) -> HierarchicalLabelWiseLSTM:
    """The encoder with the options that it has by default, sentences of any number."""
    torch.manual_seed(0)
    config = HierarchicalConfig(max_sentences=1000)
    space = LabelSpace(*[tuple(f"label {place}" for place in range(labels))] * 2)
    words = {"words": [f"word {place}" for place in range(WORDS)], "width": config.hidden}
    return HierarchicalLabelWiseLSTM(config, Context("model.encoder", {}, space, words))


def documents(encoder: HierarchicalLabelWiseLSTM, labels: int, sentences: int) -> Batch:
    """Documents of so many sentences."""
    ids = torch.randint(2, WORDS, (DOCUMENTS, sentences * LENGTH)).tolist()
    rows = [{"ids": row, "sizes": [LENGTH] * sentences} for row in ids]
    return make_batch(encoder.reader.collate(rows), plain_draw(DOCUMENTS), labels)


def seconds(encoder: HierarchicalLabelWiseLSTM, batch: Batch, precision: str) -> float:
    """Of one forward and backward."""
    encoder.zero_grad(set_to_none=True)
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        labels = encoder(States(), batch).labels
    assert labels is not None
    labels.float().square().sum().backward()
    return time.perf_counter() - began


def measure(labels: list[int], sentences: list[int], rounds: int, precision: str) -> None:
    """Go round and print the medians, and what each further label and sentence took."""
    encoders = {count: made(count) for count in labels}
    settings = list(product(labels, sentences))
    batches = {setting: documents(encoders[setting[0]], *setting) for setting in settings}
    times: dict[tuple[int, int], list[float]] = {setting: [] for setting in settings}
    for turn in range(rounds + 1):
        for setting, batch in batches.items():
            took = seconds(encoders[setting[0]], batch, precision)
            if turn:  # the first round allocates
                times[setting].append(took)
    took_ms = {setting: 1000 * statistics.median(values) for setting, values in times.items()}
    print(f"{DOCUMENTS} documents, sentences of {LENGTH} words, {precision}, medians of {rounds} rounds")
    print("labels  sentences  ms a step  ms a label  ms a sentence  us a label, sentence and document")
    for (count, most), value in took_ms.items():
        each = 1000 * value / (count * most * DOCUMENTS)
        print(f"{count:6}  {most:9}  {value:9.0f}  {value / count:10.1f}  {value / most:13.1f}  {each:11.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 50, 100])
    parser.add_argument("--sentences", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    options = parser.parse_args()
    measure(options.labels, options.sentences, options.rounds, options.precision)
