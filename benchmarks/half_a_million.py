"""Half a million labels on one machine: what a training step costs as labels grow, and what ranking all of them costs.

    python benchmarks/half_a_million.py [--labels 5000 50000 500000] [--model dot maacf] [--documents 1000] [--k 5]

For each number of labels a corpus is made (`synthetic_corpus.py`), and a process of its own trains on it for a few
steps, then ranks `--documents` documents. The label table is sparse, four labels that a document lacks are drawn for
it. Steps are taken in turns with those at the fewest labels. All times are of CPU, over all cores, which hang less on
what else the machine does. A table is printed of

    step     the median of a step's milliseconds, and that of its ratio to the step at the fewest labels beside it
    rank     seconds for the exact best k labels of each document, and their ratio to those of the bare matrix products
             of as many vectors with the same table, of which nothing is kept, before and after
    peak     the process's peak of memory over both, and what of it is neither the table nor its two moments

`dot` scores a label by the inner product of its vector with the document's, so that little but the core's own cost
comes on top of the products; `maacf` is the paper's model with two aspects and two neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from in_turns import WARM, in_turns, median_ratio
from synthetic_corpus import write_corpus

FIRST = 10
"""Steps that come before all others and are left out."""

WIDTH = 256
BATCH = 32
ENCODER = {"use": "standard/cnn", "embedding": 64, "filters": 64, "windows": [2, 3]}
TABLE = {"use": "standard/label-table", "width": WIDTH, "sparse": True}
MODELS: dict[str, dict[str, Any]] = {
    "dot": {
        "encoder": {"use": "maacf/multi-aspect", "encoder": ENCODER, "n": 1, "width": WIDTH},
        "label_modules": [TABLE],
        "predictor": {"use": f"{Path(__file__).with_name('half_a_million_part.py')}:Dot"},
    },
    "maacf": {
        "encoder": {"use": "maacf/multi-aspect", "encoder": ENCODER, "n": 2, "width": WIDTH},
        "label_modules": [TABLE, {"use": "maacf/label-groups", "k": 2}, {"use": "maacf/co-attention"}],
        "predictor": {"use": "maacf/ncf"},
    },
}


def spec_of(model: str, corpus: Path, steps: int) -> dict[str, Any]:
    """A few steps; validation and test have few documents, so that their scoring is short."""
    return {
        "name": model,
        "data": {"source": str(corpus)},
        "model": MODELS[model],
        "samplers": [{"use": "maacf/negative-labels"}],
        "tasks": [{"use": "maacf/bpr"}],
        "training": {"steps": steps, "batch_size": BATCH, "keep": "last", "evaluate_every": steps},
        "decision": {"rule": "top-k", "k": 5},
    }


def run(model: str, corpus: Path, steps: int, documents: int, k: int) -> None:
    """What a child process does: it says what each step took and waits to be told to go on, then says all else."""
    import torch

    import labelloom
    from labelloom.compose.batches import plain_batch
    from labelloom.data.batching import evaluation_batches
    from labelloom.data.columns import Columns
    from labelloom.data.corpus import load_corpus
    from labelloom.runs import scoring
    from labelloom.training.progress import Silent

    class InTurns(Silent):
        def __init__(self) -> None:
            self.began = 0.0

        def step(self, loss: float, documents_per_second: float) -> None:
            say({"step": 1000 * (time.process_time() - self.began)})
            sys.stdin.readline()
            self.began = time.process_time()

    with tempfile.TemporaryDirectory() as folder:
        spec = spec_of(model, corpus, steps)
        trained = labelloom.train(spec, output=folder, allow_local_code=True, reporter=InTurns())
        network = labelloom.load(trained.path, allow_local_code=True).model

    label_count, ranker = network.label_count, network.assembly.model
    columns = Columns.from_texts(load_corpus(str(corpus)).train.texts.take(range(documents)), ranker.encoder.reader)
    batches = [
        plain_batch(columns.rows(rows), ranker.encoder.reader, label_count)
        for rows in evaluation_batches(columns.lengths, BATCH)
    ]
    table = network.assembly.parts["model.label_modules.0"].vectors.weight
    queries = torch.randn(documents, WIDTH)

    def products() -> None:
        for part in table.split(4096):
            queries @ part.mT

    with torch.inference_mode():
        before = seconds(products)
        ranked = seconds(lambda: ranker.rank_all(batches, k, scoring.chunk_of(label_count, BATCH)))
        bare = (before + seconds(products)) / 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    beyond = peak - 3 * table.numel() * table.element_size()
    say({"rank": ranked, "products": bare, "peak": peak / 2**30, "beyond": beyond / 2**30})


def seconds(call: Callable[[], object]) -> float:
    """Of CPU, over all cores."""
    began = time.process_time()
    call()
    return time.process_time() - began


def say(told: dict[str, float]) -> None:
    print(json.dumps(told), flush=True)


class Child:
    """A process that trains on a corpus step by step, then ranks."""

    def __init__(self, model: str, corpus: Path, steps: int, options: argparse.Namespace) -> None:
        arguments = ["--child", model, str(corpus), "--steps", str(steps), "--k", str(options.k)]
        command = [sys.executable, __file__, *arguments, "--documents", str(options.documents)]
        environment = {**os.environ, "LABELLOOM_CACHE": str(corpus.parent / "cache")}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.waiting = False

    def hear(self) -> dict[str, float]:
        """What it says next, once it is told to go on."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.waiting:
            print(file=self.process.stdin, flush=True)
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                self.waiting = True
                told: dict[str, float] = json.loads(line)
                return told
        raise SystemExit(f"a process ended with {self.process.wait()}")

    def step(self, _: int = 0) -> float:
        """The milliseconds of its next step."""
        return self.hear()["step"]


def measured(model: str, corpora: dict[int, Path], options: argparse.Namespace) -> None:
    """Print a line for each number of labels."""
    fewest, *others = corpora
    turns = options.pairs + WARM
    children = {
        labels: Child(model, corpus, FIRST + turns * (max(1, len(others)) if labels == fewest else 1), options)
        for labels, corpus in corpora.items()
    }
    for child in children.values():
        for _ in range(FIRST):
            child.step()
    if others:
        steps = {labels: in_turns(children[fewest].step, children[labels].step, options.pairs) for labels in others}
        steps[fewest] = (steps[others[0]][0],) * 2
    else:
        alone = [children[fewest].step() for _ in range(turns)][WARM:]
        steps = {fewest: (alone, alone)}
    for labels, child in children.items():
        told = child.hear()
        child.process.wait()
        few, many = steps[labels]
        times = f"{statistics.median(many):>8.1f}  {median_ratio(many, few):>6.2f}  {told['rank']:>8.1f}"
        ratio = f"{told['products']:>10.2f}  {told['rank'] / told['products']:>6.1f}"
        print(f"{labels:>8,}  {model:<6}  {times}  {ratio}  {told['peak']:>8.2f}  {told['beyond']:>10.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, nargs="+", default=[5_000, 50_000, 500_000])
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--train", type=int, default=20_000, help="training documents")
    parser.add_argument("--pairs", type=int, default=50, help="steps beside steps at the fewest labels")
    parser.add_argument("--documents", type=int, default=1000, help="documents that are ranked")
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, metavar=("MODEL", "CORPUS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        model, corpus = options.child
        run(model, Path(corpus), options.steps, options.documents, options.k)
        return
    if options.pairs < 1:
        parser.error("--pairs must be at least 1")
    if options.documents > options.train:
        parser.error("--documents must be at most --train: it is training documents that are ranked")

    print(f"{options.documents:,} documents ranked, {os.cpu_count()} cores")
    columns = f"{'ms/step':>8}  {'ratio':>6}  {'rank s':>8}  {'products s':>10}  {'ratio':>6}"
    print(f"{'labels':>8}  {'model':<6}  {columns}  {'peak GiB':>8}  {'beyond GiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        corpora = {labels: Path(folder) / str(labels) / "corpus" for labels in sorted(set(options.labels))}
        for labels, corpus in corpora.items():
            write_corpus(corpus, labels, (options.train, 20, 20))
        for model in options.model:
            measured(model, corpora, options)


if __name__ == "__main__":
    main()
