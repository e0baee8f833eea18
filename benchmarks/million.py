"""Reading, counting and evaluating a million documents with a hundred thousand labels: seconds, memory, linearity.

    python benchmarks/million.py [--documents 250000 500000 1000000] [--labels 100000] [--depth 100]

A sparse corpus is made for each size (`synthetic.py`). Each phase runs in a process of its own, so that its peak of
memory is its own. The time for a document, and its ratio to that of the first size, are of CPU seconds, which hang less
on what else the machine does:

    read      JSON lines are parsed, checked, numbered and stored; what documents share is found
    cut       a tenth is cut for validation by iterative stratification
    count     frequencies, groups, co-occurrence, ten CF-IDF neighbours a label
    evaluate  one threshold and one a label are fitted on a ranking of `depth` labels a document, every metric computed
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PHASES = ("read", "cut", "count", "evaluate")


def read(path: Path, _: int) -> Callable[[], object]:
    from labelloom.data.corpus import load_uncut
    from labelloom.spec.data import DataSettings

    return lambda: load_uncut(DataSettings(source=str(path)))


def cut(path: Path, _: int) -> Callable[[], object]:
    from labelloom.data.corpus import load_corpus
    from labelloom.spec.data import DataSettings

    return lambda: load_corpus(DataSettings(source=str(path)))


def count(path: Path, _: int) -> Callable[[], object]:
    statistics = cut(path, 0)().statistics  # type: ignore[attr-defined]
    return lambda: (statistics.frequency, statistics.groups(), statistics.cooccurrence, statistics.neighbours(10))


def evaluate(path: Path, depth: int) -> Callable[[], object]:
    import numpy as np

    from labelloom.evaluation.decision import fit_decision
    from labelloom.evaluation.metrics import evaluate as measured
    from labelloom.evaluation.propensity import propensities
    from labelloom.spec.decision import DecisionSettings

    sys.path.insert(0, str(Path(__file__).parent))
    from synthetic import ranking_of

    truth = read(path, 0)().train.label_sets  # type: ignore[attr-defined]
    ranking = ranking_of(truth, depth)

    def run() -> object:
        seen = propensities(np.bincount(truth.values, minlength=truth.label_count), len(truth))
        for rule in ("fitted", "per-label"):
            decision = fit_decision(DecisionSettings(rule=rule), ranking, truth, scale="probabilities")
        return measured(truth, decision.decide(ranking), ranking, propensities=seen)

    return run


def measured_in_child(phase: str, path: Path, depth: int, cache: Path) -> tuple[float, float, float]:
    """Seconds of a phase, CPU seconds, and the peak of its process's memory in GB."""
    command = [sys.executable, __file__, "--phase", phase, "--path", str(path), "--depth", str(depth)]
    environment = {**os.environ, "LABELLOOM_CACHE": str(cache)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return told["seconds"], told["cpu"], told["gigabytes"]


def run_phase(phase: str, path: Path, depth: int) -> None:
    """What a child process does."""
    run = {"read": read, "cut": cut, "count": count, "evaluate": evaluate}[phase](path, depth)
    began, used = time.perf_counter(), time.process_time()
    run()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "gigabytes": peak / 1e9}))


def main() -> None:
    parser = argparse.ArgumentParser(description="Reading, counting and evaluating large sparse corpora.")
    parser.add_argument("--documents", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        run_phase(options.phase, options.path, options.depth)
        return
    sys.path.insert(0, str(Path(__file__).parent))
    from synthetic import write_corpus

    first: dict[str, float] = {}
    print(f"{options.labels:,} labels, rankings of {options.depth}")
    columns = f"{'seconds':>8}  {'CPU':>8}  {'µs/document':>11}  {'to the first':>12}  {'peak GB':>8}"
    print(f"{'documents':>10}  {'phase':<8}  {columns}")
    for documents in options.documents:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.jsonl"
            write_corpus(path, documents, options.labels, seed=options.seed)
            for phase in PHASES:
                seconds, cpu, gigabytes = measured_in_child(phase, path, options.depth, Path(folder) / "cache")
                each = cpu / documents
                ratio = each / first.setdefault(phase, each)
                figures = f"{seconds:>8.1f}  {cpu:>8.1f}  {1e6 * each:>11.1f}  {ratio:>12.2f}  {gigabytes:>8.2f}"
                print(f"{documents:>10,}  {phase:<8}  {figures}", flush=True)


if __name__ == "__main__":
    main()
