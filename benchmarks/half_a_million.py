"""Half a million labels on one machine: what a training step costs as labels grow, and what ranking all of them costs.

    python benchmarks/half_a_million.py [--labels 5000 50000 500000] [--model dot maacf] [--documents 1000] [--k 5]

For each number of labels a corpus is made (`synthetic_corpus.py`), and a process of its own trains on it for a few
steps, then ranks `--documents` documents. The label table is sparse, four labels that a document lacks are drawn for
it. A table is printed of

    step     the median of the steps' milliseconds, without the first ten, and its ratio to that at the fewest labels
    rank     seconds for the exact best k labels of each document, and their ratio to those of the bare matrix products
             of the same documents' vectors with the same table, chunk by chunk, of which nothing is kept
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
from pathlib import Path
from typing import Any

WIDTH = 256
BATCH = 32
WARM = 10
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


def run(model: str, corpus: Path, steps: int, documents: int, k: int) -> dict[str, float]:
    """What a child process does and tells."""
    import numpy as np
    import torch

    import labelloom
    from labelloom.compose.batches import make_batch, plain_draw
    from labelloom.data.columns import Columns
    from labelloom.data.corpus import load_corpus
    from labelloom.runs import scoring
    from labelloom.training.progress import Silent

    class Timed(Silent):
        ended: list[float] = []

        def step(self, loss: float, documents_per_second: float) -> None:
            self.ended.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        spec = spec_of(model, corpus, steps)
        trained = labelloom.train(spec, output=folder, allow_local_code=True, reporter=Timed())
        network = labelloom.load(trained.path, allow_local_code=True).model
    took = np.diff(Timed.ended)[WARM:]

    label_count, ranker = network.label_count, network.assembly.model
    texts = load_corpus(str(corpus)).train.texts.take(np.arange(documents))
    columns = Columns.from_texts(texts, ranker.encoder.reader)
    chunk = scoring.chunk_of(label_count, BATCH)
    batches = [
        make_batch(
            ranker.encoder.reader.collate(columns.rows(np.arange(start, end))), plain_draw(end - start), label_count
        )
        for start, end in zip(range(0, documents, BATCH), [*range(BATCH, documents, BATCH), documents], strict=True)
    ]
    together = scoring.together_of(label_count, BATCH)
    with torch.inference_mode():
        began = time.perf_counter()
        for start in range(0, len(batches), together):
            ranker.rank_all(batches[start : start + together], k, chunk)
        ranked = time.perf_counter() - began
        table = next(part for path, part in network.assembly.parts.items() if path.endswith("label_modules.0"))
        vectors, queries = table.vectors.weight, torch.randn(documents, WIDTH)
        began = time.perf_counter()
        for part in vectors.split(4096):
            queries @ part.mT
        products = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    beyond = peak - 3 * vectors.numel() * vectors.element_size()
    return {
        "step": 1000 * float(statistics.median(took)),
        "rank": ranked,
        "products": products,
        "peak": peak / 2**30,
        "beyond": beyond / 2**30,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, nargs="+", default=[5_000, 50_000, 500_000])
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--train", type=int, default=20_000, help="training documents")
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--documents", type=int, default=1000, help="documents that are ranked")
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("MODEL", "CORPUS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        model, corpus = options.child
        print(json.dumps(run(model, Path(corpus), options.steps, options.documents, options.k)))
        return
    if options.steps < WARM + 2:
        parser.error(f"--steps must be at least {WARM + 2}: the first {WARM} are left out")
    if options.documents > options.train:
        parser.error("--documents must be at most --train: it is training documents that are ranked")
    sys.path.insert(0, str(Path(__file__).parent))
    from synthetic_corpus import write_corpus

    print(f"{options.documents:,} documents ranked, {os.cpu_count()} cores")
    columns = f"{'ms/step':>8}  {'ratio':>6}  {'rank s':>8}  {'products s':>10}  {'ratio':>6}"
    print(f"{'labels':>8}  {'model':<6}  {columns}  {'peak GiB':>8}  {'beyond GiB':>10}")
    first: dict[str, float] = {}
    for labels in options.labels:
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder) / "corpus"
            write_corpus(corpus, labels, (options.train, 20, 20))
            for model in options.model:
                arguments = ["--child", model, str(corpus), "--steps", str(options.steps), "--k", str(options.k)]
                command = [sys.executable, __file__, *arguments, "--documents", str(options.documents)]
                environment = {**os.environ, "LABELLOOM_CACHE": str(Path(folder) / "cache")}
                done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
                told = json.loads(done.stdout.splitlines()[-1])
                ratio = told["step"] / first.setdefault(model, told["step"])
                times = f"{told['step']:>8.1f}  {ratio:>6.2f}  {told['rank']:>8.1f}  {told['products']:>10.2f}"
                memory = f"{told['peak']:>8.2f}  {told['beyond']:>10.2f}"
                print(
                    f"{labels:>8,}  {model:<6}  {times}  {told['rank'] / told['products']:>6.1f}  {memory}", flush=True
                )


if __name__ == "__main__":
    main()
