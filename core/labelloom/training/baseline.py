"""`train_baseline`: linear classifiers over tf-idf, as a run beside those of networks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from labelloom.bundles import Catalogue
from labelloom.data.cache import temporary_beside
from labelloom.data.corpus import load_corpus
from labelloom.data.places import kept
from labelloom.errors import Problem, RunError
from labelloom.evaluation.decision import fitting_notes
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.propensity import propensities
from labelloom.linear.bank import workers
from labelloom.linear.model import rank, save_linear
from labelloom.linear.search import search
from labelloom.runs.classifier import answers_on
from labelloom.runs.folder import Run, RunFolder, write_json
from labelloom.spec import read_baseline
from labelloom.spec.baseline import BaselineSpec
from labelloom.training.progress import Reporter, Silent


def train_baseline(
    spec: BaselineSpec | str | Path,
    *,
    output: str | Path = "runs",
    seed: int | None = None,
    overrides: Iterable[str] = (),
    reporter: Reporter | None = None,
) -> Run:
    """Fit what `spec` asks for on train, choose on validation, score validation and test; the run is written whole.

    Args:
        spec: a source of data, the file or the name of a spec, of which data, decision and seed are taken, or what
            `labelloom.spec.read_baseline` made of one of these.
        output: the folder of runs; this one becomes `<output>/<name>/<seed>`.
        seed: instead of the spec's.
        overrides: `key=value`, as `--set` takes them: `baseline.method=lp`.
        reporter: told of what happens; default nobody.

    Raises DataError as training does, RunError when the run's folder is there already or scikit-learn is missing.
    """
    reporter = reporter or Silent()
    catalogue = Catalogue()
    if not isinstance(spec, BaselineSpec):
        with catalogue.helping():
            spec = read_baseline(str(spec), {}, overrides, catalogue.specs())
    elif tuple(overrides):
        raise TypeError("overrides change a spec that is read; this one is made already")
    if seed is not None:
        spec = spec.model_copy(update={"seed": seed})
    run = baseline_folder(spec, output)
    refuse_existing([run])
    began = time.monotonic()
    spec = spec.model_copy(update={"data": kept(spec.data)})
    with catalogue.helping(spec.data.source):
        corpus = load_corpus(spec.data)
    for note in corpus.notes:
        reporter.say(note)
    with workers():
        found = search(spec.baseline, spec.decision, corpus, spec.seed, reporter.say)
    model, decision = found.model, found.decision
    for note in fitting_notes(spec.decision, corpus.validation.label_sets):
        reporter.say(note)
    probabilities = decision.gives_probabilities(model.scale)
    seen = propensities(corpus.statistics.frequency, len(corpus.train))
    choice = found.choice
    metrics: dict[str, Any] = {
        "decision": decision.describe(),
        "seed": spec.seed,
        "baseline": {
            "ngrams": choice.ngrams,
            "class_weight": choice.class_weight,
            "c": choice.c,
            "choice": str(choice),
        },
    }
    for split in filter(None, (corpus.validation, corpus.test)):
        if split is corpus.validation:
            ranking, own = found.on_validation, found.own_on_validation
        else:
            ranking, own = rank(model.method, model.features.of_split(split), len(corpus.labels))
        answers = answers_on(split, ranking, decision, corpus.labels)
        measured = partial(evaluate, split.label_sets, probabilities=probabilities, propensities=seen)
        metrics[split.name] = measured(answers.predicted, answers.ranking)
        metrics[f"{split.name}_own"] = measured(own, answers.ranking)
    metrics["documents"] = {split.name: len(split) for split in corpus.splits.values()}
    metrics["parameters"] = int(model.method.bank.weights.nnz + len(model.method.bank.intercepts))
    metrics["seconds"] = round(time.monotonic() - began, 1)

    # Beside and renamed: a crash leaves no half of a run, and another process may be training the same.
    with temporary_beside(run.path) as path:
        beside = RunFolder(path)
        beside.assets.mkdir(parents=True)
        beside.spec.write_text(baseline_to_toml(spec), encoding="utf-8")
        beside.labels.write_text(corpus.labels.to_json(), encoding="utf-8")
        beside.decision.write_text(decision.to_json(), encoding="utf-8")
        save_linear(model, beside.model, beside.assets)
        answers.save(beside.predictions)
        write_json(beside.metrics, metrics)
        _rename(beside, run)
    return Run(run.path, metrics)


def _rename(beside: RunFolder, run: RunFolder) -> None:
    try:
        beside.path.rename(run.path)
    except OSError:
        refuse_existing([run])  # a folder that holds something is not replaced
        raise


def baseline_folder(spec: BaselineSpec, output: str | Path) -> RunFolder:
    """Where the run of `spec` goes."""
    return RunFolder(Path(output).absolute() / spec.name / str(spec.seed))


def refuse_existing(runs: Iterable[RunFolder]) -> None:
    """Raise RunError for all runs that are there already."""
    problems = [
        Problem(
            str(run.path),
            "this run is there already, and runs are never overwritten",
            (f"labelloom evaluate {run.path}", "--seed, --output or --set name=... for a new one"),
        )
        for run in runs
        if run.path.exists()
    ]
    if problems:
        raise RunError.from_problems(problems)


def baseline_to_toml(spec: BaselineSpec) -> str:
    """The spec of a baseline as TOML; reading it gives an equal one."""
    import tomli_w

    return tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
