"""`train`: from a spec to a finished run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from labelloom.bundles import Catalogue
from labelloom.compose.build import build, initialise, prepare, use_options
from labelloom.compose.check import check
from labelloom.compose.plan import Plan
from labelloom.compose.resolved import resolved
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import Corpus, Split, load_corpus
from labelloom.data.sources import sample_names
from labelloom.errors import DataError, RunError
from labelloom.evaluation.decision import fit_decision
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.ranking import Ranking
from labelloom.interfaces.noise import stable_key
from labelloom.runs.assets import load_assets, save_assets
from labelloom.runs.classifier import answers_on
from labelloom.runs.folder import RunFolder, replace_file, save_weights, write_json
from labelloom.spec import Spec, read_spec, spec_to_toml
from labelloom.spec.data import HUB_PREFIX
from labelloom.spec.decision import DecisionSettings
from labelloom.training.checkpoints import Checkpoints, Progress
from labelloom.training.history import History
from labelloom.training.interrupt import Interrupt
from labelloom.training.loop import Job, train_stage
from labelloom.training.metric import metric_of
from labelloom.training.processes import make_accelerator, process_state
from labelloom.training.progress import Reporter, Silent
from labelloom.training.validation import rank_shared


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its scores by split."""

    path: Path
    metrics: dict[str, Any]

    @property
    def scores(self) -> dict[str, float]:
        """The metrics on the test split, or on validation where there is none."""
        return self.metrics.get("test") or self.metrics["validation"]


def train(
    spec: str | Path | Mapping[str, Any],
    *,
    output: str | Path = "runs",
    seed: int | None = None,
    overrides: Iterable[str] = (),
    allow_local_code: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Train a spec through all its stages, fit its decision rule on validation and score it.

    Args:
        spec: a TOML file, the name of a shipped spec (`standard/minilm`), or a mapping of the same form.
        output: the folder of runs; this one becomes `<output>/<name>/<seed>`.
        seed: instead of the spec's.
        overrides: `key=value`, as `--set` takes them.
        allow_local_code: whether components from files beside the spec may be loaded.
        reporter: told of what happens; default nobody.

    Raises:
        SpecError, CompositionError, DataError, TrainingError: before training where possible.
        RunError: when the run's folder is there already.
    """
    catalogue = Catalogue()
    read, folder = read_spec(spec, overrides, catalogue.specs())
    read = _with_absolute_source(read)
    if seed is not None:
        read = read.model_copy(update={"seed": seed})
    plan = check(read, folder, catalogue, allow_local_code)
    state = process_state()
    for stage in plan.stages:
        metric_of(stage)
        make_accelerator(stage.settings)
    run = RunFolder(Path(output).absolute() / read.name / str(read.seed))
    if any(path.exists() for path in (run.spec, run.checkpoints, run.model)):
        again = "evaluate" if run.finished else "train --resume"
        raise RunError(
            "this run is there already, and runs are never overwritten",
            where=str(run.path),
            suggestions=[f"labelloom {again} {run.path}", "--seed, --output or --set name=... for a new one"],
        )
    state.wait_for_everyone()
    return _train(plan, run, reporter or Silent(), fresh=True)


def resume(path: str | Path, *, allow_local_code: bool = False, reporter: Reporter | None = None) -> Run:
    """Go on with an interrupted run from its last checkpoint; the result equals the uninterrupted run's.

    Raises RunError when the folder is no run; a finished run is given back as it is.
    """
    run = RunFolder(Path(path).absolute())
    run.require(run.spec)
    if run.finished:
        (reporter or Silent()).say(f"{run.path} has ended already")
        Checkpoints(run.checkpoints).clear()
        return Run(run.path, run.read_metrics())
    spec, folder = read_spec(run.spec)
    return _train(check(spec, folder, Catalogue(), allow_local_code), run, reporter or Silent(), fresh=False)


def _train(plan: Plan, run: RunFolder, reporter: Reporter, fresh: bool) -> Run:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    began = time.monotonic()
    state = process_state()
    if not state.is_main_process:
        reporter = Silent()
    with state.main_process_first():
        corpus = load_corpus(plan.spec.data)
    for note in corpus.notes:
        reporter.say(note)
    if not len(corpus.validation.label_sets.values):
        raise DataError(
            "no document of the validation split has a label, so it can choose neither checkpoint nor decision rule",
            where=plan.spec.data.source,
            suggestions=["add labelled documents to it", "remove the split: one can be cut from train"],
        )
    with state.main_process_first():
        if fresh and state.is_main_process:
            replace_file(run.labels, lambda beside: beside.write_text(corpus.labels.to_json(), encoding="utf-8"))
            save_assets(prepare(plan, corpus), run.assets)
    _same_labels(run, corpus)
    # As they were saved, in fresh runs too: what JSON makes of a value is what a loaded run will be built from.
    assets = load_assets(run.assets)
    torch.manual_seed(stable_key(plan.spec.seed, "weights"))
    assembly = build(plan, corpus.labels, assets)

    checkpoints = Checkpoints(run.checkpoints)
    history = History(run.history if state.is_main_process else None)
    progress, saved = Progress(corpus=corpus.digest), dict[str, torch.Tensor]()
    latest = checkpoints.latest()
    if latest is None:
        initialise(assembly, corpus)
    else:
        progress, saved = checkpoints.load(latest, assembly)
        _same_corpus(progress, run, corpus)
        begun = [stage.name for stage in plan.stages[: progress.stage + 1]]
        reporter.say(f"resuming after step {progress.step} of stage {begun[-1]!r} ({len(begun)} of {len(plan.stages)})")
    if fresh and state.is_main_process:
        # The last thing before training: whatever could not be read or built until here leaves no run behind.
        replace_file(run.spec, lambda beside: beside.write_text(spec_to_toml(resolved(plan)), encoding="utf-8"))
    history.cut(progress.history)
    began -= progress.seconds
    with Interrupt() as interrupt, closing(history):
        job = Job(plan, corpus, assets, assembly, run, checkpoints, history, reporter, interrupt, began)
        while progress.stage < len(plan.stages):
            train_stage(job, progress.stage, progress, saved)
            saved = {}
    _finish(job, state)
    state.wait_for_everyone()
    return Run(run.path, run.read_metrics())


def _finish(job: Job, state: PartialState) -> None:
    """Fit the decision rule on validation, score every split in full precision, write the run's results.

    All processes share the scoring; one of them writes.
    """
    run, corpus, plan = job.folder, job.corpus, job.plan
    use_options(job.assembly, None, plan)
    job.assembly.to(state.device).eval()

    def rank(split: Split) -> Ranking:
        with state.main_process_first():
            columns = tokenised(split, job.assembly.model.encoder.reader, cache_folder())
        return rank_shared(job.assembly, columns, len(corpus.labels), plan.stages[-1].settings.batch_size)

    on_validation = rank(corpus.validation)
    decision = fit_decision(
        plan.spec.decision, on_validation, corpus.validation.label_sets, probabilities=plan.probabilities
    )
    half = fit_decision(DecisionSettings(rule="fixed"), on_validation, corpus.validation.label_sets, probabilities=True)
    metrics: dict[str, Any] = {"decision": decision.describe(), "seed": plan.spec.seed}
    for split in filter(None, (corpus.validation, corpus.test)):
        ranking = on_validation if split is corpus.validation else rank(split)
        answers = answers_on(split, ranking, decision, corpus.labels)
        metrics[split.name] = evaluate(split.label_sets, answers.predicted, ranking)
        if plan.probabilities:
            metrics[f"{split.name}_at_0.5"] = evaluate(split.label_sets, half.decide(ranking), ranking)
    metrics["documents"] = {split.name: len(split) for split in corpus.splits.values()}
    metrics["parameters"] = sum(weight.numel() for weight in job.assembly.model.parameters())
    metrics["seconds"] = round(time.monotonic() - job.began, 1)
    if not state.is_main_process:
        return
    save_weights(job.assembly, run.model)
    replace_file(run.decision, lambda beside: beside.write_text(decision.to_json(), encoding="utf-8"))
    answers.save(run.predictions)
    write_json(run.metrics, metrics)
    job.checkpoints.clear()


def _with_absolute_source(spec: Spec) -> Spec:
    """A source that is a path from the current folder, as a path that means the same from any other."""
    prefix = HUB_PREFIX if spec.data.source.startswith(HUB_PREFIX) else ""
    path = Path(spec.data.source.removeprefix(prefix)).expanduser()
    if (not prefix and spec.data.source in sample_names()) or not path.exists():
        return spec
    return spec.model_copy(update={"data": spec.data.model_copy(update={"source": f"{prefix}{path.absolute()}"})})


def _same_labels(run: RunFolder, corpus: Corpus) -> None:
    if run.read_labels() != corpus.labels:
        raise RunError(
            "the corpus has other labels now than when this run began",
            where=str(run.path),
            suggestions=["start a new run"],
        )


def _same_corpus(progress: Progress, run: RunFolder, corpus: Corpus) -> None:
    if progress.corpus != corpus.digest:
        raise RunError(
            "the corpus has other documents now than when this run began, so it cannot go on as it would have",
            where=str(run.path),
            suggestions=["put the documents back", "start a new run"],
        )
