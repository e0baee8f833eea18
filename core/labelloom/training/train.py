"""`train`: from a spec to a finished run."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from labelloom.bundles import Catalogue
from labelloom.compose.build import build, initialise, prepare, use_options
from labelloom.compose.check import check
from labelloom.compose.checked import read_checked
from labelloom.compose.plan import Plan
from labelloom.compose.resolved import resolved
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import Corpus, Split, load_corpus
from labelloom.data.places import kept
from labelloom.errors import BundleError, DataError, RunError
from labelloom.evaluation.decision import Decision, fit_decision, fitting_notes
from labelloom.evaluation.metrics import evaluate, find_metrics
from labelloom.evaluation.propensity import propensities
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import Fixed
from labelloom.interfaces.noise import stable_key
from labelloom.runs.assets import load_assets, save_assets
from labelloom.runs.classifier import answers_on
from labelloom.runs.folder import Run, RunFolder, replace_file, write_json
from labelloom.runs.weights import save_weights
from labelloom.spec import read_spec, spec_to_toml
from labelloom.training.anchors import refuse_undrawable
from labelloom.training.checkpoints import Checkpoints, Progress, Saved
from labelloom.training.differences import differs_from
from labelloom.training.events import RunEnds
from labelloom.training.history import History
from labelloom.training.interrupt import Interrupt
from labelloom.training.layers import layer_factors
from labelloom.training.leftovers import no_leftovers
from labelloom.training.loop import Job, train_stage
from labelloom.training.measurable import refuse_unmeasurable
from labelloom.training.metric import metric_of
from labelloom.training.processes import make_accelerator, process_state
from labelloom.training.progress import Reporter, Silent
from labelloom.training.sameness import told_sameness
from labelloom.training.trackers import Tracker, Tracking, check_trackers
from labelloom.training.validation import rank_shared


@dataclass(frozen=True)
class How:
    """What a run is trained with besides its spec: nothing here changes what comes out."""

    allow_local_code: bool = False
    reporter: Reporter = field(default_factory=Silent)
    trackers: Sequence[Tracker] = ()


def train(
    spec: str | Path | Mapping[str, Any],
    *,
    output: str | Path = "runs",
    seed: int | None = None,
    overrides: Iterable[str] = (),
    allow_local_code: bool = False,
    reporter: Reporter | None = None,
    trackers: Sequence[Tracker] = (),
) -> Run:
    """Train a spec through all its stages, fit its decision rule on validation and score it.

    Args:
        spec: a TOML file, the name of a shipped spec (`standard/minilm`), or a mapping of the same form.
        output: the folder of runs; this one becomes `<output>/<name>/<seed>`.
        seed: instead of the spec's.
        overrides: `key=value`, as `--set` takes them.
        allow_local_code: whether components from files beside the spec may be loaded.
        reporter: told of what happens; default nobody.
        trackers: who is told of the course of training: names of listeners ("tensorboard", "bundle/listener"), objects
            of `TrainingEvents`, or of Accelerate's `GeneralTracker`.

    Raises:
        SpecError, CompositionError, DataError, TrainingError: before training where possible.
        RunError: when the run's folder is there already.
    """
    how = How(allow_local_code, reporter or Silent(), trackers)
    plan = planned(spec, seed, overrides, how)
    run = run_of(plan, output)
    if begun(run):
        again = ["evaluate"] if run.finished else ["train", "--resume"]
        flags = ["--allow-local-code"] if allow_local_code else []
        ways = [
            shlex.join(["labelloom", *again, str(run.path), *flags]),
            "--seed, --output or --set name=... for a new one",
        ]
        differing = differs_from(run, plan)
        other = f" and of another spec, which differs in {differing};" if differing else ", and"
        raise RunError(
            f"this run is there already{other} runs are never overwritten",
            where=str(run.path),
            suggestions=reversed(ways) if differing else ways,
        )
    process_state().wait_for_everyone()
    return train_plan(plan, run, how, fresh=True)


def resume(
    path: str | Path,
    *,
    allow_local_code: bool = False,
    reporter: Reporter | None = None,
    trackers: Sequence[Tracker] = (),
) -> Run:
    """Go on with an interrupted run from its last checkpoint; the result equals the uninterrupted run's.

    Trackers that were named at its start go on without being named again. Raises RunError when the folder is no run; a
    finished run is given back as it is.
    """
    run = RunFolder(Path(path).absolute())
    run.require(run.spec)
    how = How(allow_local_code, reporter or Silent(), trackers)
    check_trackers(trackers)
    if run.finished:
        how.reporter.say(f"{run.path} has ended already")
        Checkpoints(run.checkpoints).clear()
        return Run(run.path, run.read_metrics())
    return train_plan(saved_plan(run, allow_local_code), run, how, fresh=False)


def planned(spec: str | Path | Mapping[str, Any], seed: int | None, overrides: Iterable[str], how: How) -> Plan:
    """The checked plan of a spec, which this machine can train and show. Raises as `train` does."""
    plan = read_checked(spec, overrides, allow_local_code=how.allow_local_code)
    changes = {"data": kept(plan.spec.data), "seed": plan.spec.seed if seed is None else seed}
    plan = replace(plan, spec=plan.spec.model_copy(update=changes))
    process_state()
    find_metrics(plan.spec.metrics)
    for stage in plan.stages:
        metric_of(stage)
        make_accelerator(stage.settings)
    check_trackers(how.trackers)
    return plan


def saved_plan(run: RunFolder, allow_local_code: bool) -> Plan:
    """The checked plan of the spec that is saved in a run."""
    spec, folder = read_spec(run.spec)
    return check(spec, folder, Catalogue(), allow_local_code)


def run_of(plan: Plan, output: str | Path) -> RunFolder:
    """Where the run of a plan lies."""
    return RunFolder(Path(output).absolute() / plan.spec.name / str(plan.spec.seed))


def begun(run: RunFolder) -> bool:
    """Whether there is something that training must not overwrite."""
    return any(path.exists() for path in (run.spec, run.checkpoints, run.model))


def train_plan(plan: Plan, run: RunFolder, how: How, fresh: bool) -> Run:
    """Train a checked plan into its folder, from the beginning or from the last checkpoint there.

    A fresh run that is refused, or otherwise ends, before its first step leaves nothing behind.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    progress = Progress()
    writes = fresh and process_state().is_main_process
    with no_leftovers(run.path, lambda: progress.total > 0) if writes else nullcontext():
        _train(plan, run, how, progress, fresh)
    return Run(run.path, run.read_metrics())


def _train(plan: Plan, run: RunFolder, how: How, progress: Progress, fresh: bool) -> None:
    """Train; `progress` says how far a run has come that has no checkpoint to go on from."""
    began = time.monotonic()
    state = process_state()
    reporter = how.reporter if state.is_main_process else Silent()
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
    refuse_unmeasurable(plan, corpus)
    with state.main_process_first():
        if fresh and state.is_main_process:
            replace_file(run.labels, lambda beside: beside.write_text(corpus.labels.to_json(), encoding="utf-8"))
            save_assets(prepare(plan, corpus), run.assets)
    _same_labels(run, corpus)
    # As they were saved, in fresh runs too: what JSON makes of a value is what a loaded run will be built from.
    assets = load_assets(run.assets)
    if fresh:
        refuse_undrawable(plan, corpus, assets)
    torch.manual_seed(stable_key(plan.spec.seed, "weights"))
    assembly = build(plan, corpus.labels, assets)
    for stage in plan.stages:
        layer_factors(assembly, stage.settings.layer_decay)

    checkpoints = Checkpoints(run.checkpoints)
    history = History(run.history if state.is_main_process else None)
    saved = Saved()
    latest = checkpoints.latest()
    if latest is None:
        progress.corpus = corpus.digest
        initialise(assembly, corpus)
        for note in assembly.notes:
            reporter.say(note)
    else:
        progress, saved = checkpoints.load(latest, assembly)
        _same_corpus(progress, run, corpus)
        names = [stage.name for stage in plan.stages[: progress.stage + 1]]
        reporter.say(f"resuming after step {progress.step} of stage {names[-1]!r} ({len(names)} of {len(plan.stages)})")
    tracking = Tracking(how.trackers, run, resolved(plan), progress.total, reporter.say)
    if fresh and state.is_main_process:
        replace_file(run.spec, lambda beside: beside.write_text(spec_to_toml(resolved(plan)), encoding="utf-8"))
    history.cut(progress.history)
    began -= progress.seconds
    with closing(history), closing(tracking):
        with Interrupt() as interrupt:
            job = Job(
                plan=plan,
                corpus=corpus,
                assets=assets,
                assembly=assembly,
                folder=run,
                checkpoints=checkpoints,
                history=history,
                reporter=reporter,
                tracking=tracking,
                interrupt=interrupt,
                began=began,
                allow_local_code=how.allow_local_code,
            )
            with _resumable(job):
                while progress.stage < len(plan.stages):
                    train_stage(job, progress.stage, progress, saved)
                    saved = Saved()
        with _resumable(job):
            _finish(job, progress, state)
    state.wait_for_everyone()


@contextmanager
def _resumable(job: Job) -> Iterator[None]:
    """Say how to go on where a bundle's metric fails: what was trained lies in the last checkpoint."""
    try:
        yield
    except BundleError as error:
        if job.checkpoints.latest() is None:
            raise
        raise error.also(f"mend it, then {job.again}: nothing is lost") from error


def _finish(job: Job, progress: Progress, state: PartialState) -> None:
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
    decision = fit_decision(plan.spec.decision, on_validation, corpus.validation.label_sets, scale=plan.scale)
    probabilities = decision.gives_probabilities(plan.scale)
    half, seen = Decision(Fixed(0.5)), propensities(corpus.statistics.frequency, len(corpus.train))
    for note in fitting_notes(plan.spec.decision, corpus.validation.label_sets):
        job.reporter.say(note)
    extra = find_metrics(plan.spec.metrics)
    metrics: dict[str, Any] = {"decision": decision.describe(), "seed": plan.spec.seed}
    for split in filter(None, (corpus.validation, corpus.test)):
        ranking = on_validation if split is corpus.validation else rank(split)
        answers = answers_on(split, ranking, decision, corpus.labels)
        measured = partial(evaluate, split.label_sets, probabilities=probabilities, propensities=seen, extra=extra)
        metrics[split.name] = measured(answers.predicted, answers.ranking)
        if probabilities:
            metrics[f"{split.name}_at_0.5"] = measured(half.decide(answers.ranking), answers.ranking)
        if split is corpus.validation and (warning := told_sameness(split, answers.predicted, ranking)):
            job.reporter.say(warning)
    metrics["corpus"] = corpus.digest
    metrics["documents"] = {split.name: len(split) for split in corpus.splits.values()}
    metrics["parameters"] = sum(weight.numel() for weight in job.assembly.model.parameters())
    metrics["steps"] = progress.taken
    metrics["seconds"] = round(time.monotonic() - job.began, 1)
    if not state.is_main_process:
        return
    save_weights(job.assembly, run.model)
    replace_file(run.decision, lambda beside: beside.write_text(decision.to_json(), encoding="utf-8"))
    answers.save(run.predictions)
    write_json(run.metrics, metrics)
    job.checkpoints.clear()
    # Last: nobody who listens may cost the results.
    scored = [split.name for split in (corpus.validation, corpus.test) if split is not None]
    job.tracking.end(RunEnds(progress.total, {name: metrics[name] for name in scored}))


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
