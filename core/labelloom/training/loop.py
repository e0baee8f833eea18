"""The loop of one stage, top to bottom."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from labelloom.compose.build import AllAssets, build_samplers, use_options
from labelloom.compose.model import Assembly
from labelloom.compose.plan import Plan, StagePlan
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import Corpus, Split
from labelloom.errors import NonFiniteLossError, RunError, TrainingError
from labelloom.evaluation.metrics import higher_is_better
from labelloom.evaluation.propensity import propensities
from labelloom.interfaces.noise import stable_key
from labelloom.runs.folder import RunFolder
from labelloom.runs.scoring import ranked_batches
from labelloom.spec import TrainingSettings
from labelloom.training.anchors import ask
from labelloom.training.average import Average
from labelloom.training.budget import Budget
from labelloom.training.checkpoints import Checkpoints, Progress, Saved
from labelloom.training.events import CheckpointSaved, StageBegins, StepTaken, Validated
from labelloom.training.feed import Feed, planned_steps
from labelloom.training.history import History
from labelloom.training.interrupt import Interrupt
from labelloom.training.metric import is_log, is_loss, is_of_tasks, metric_of
from labelloom.training.optimiser import (
    make_optimiser,
    optimiser_tensors,
    rate_factor,
    restore_optimiser,
    set_rates,
)
from labelloom.training.processes import make_accelerator, refuse_sparse
from labelloom.training.progress import Reporter
from labelloom.training.stage import StageModule
from labelloom.training.step import gradients
from labelloom.training.trackers import Tracking
from labelloom.training.validation import losses_on, metrics_on, rank_shared

_DRY_DOCUMENTS = 8


@dataclass
class Job:
    """All that training one seed of one spec works with; `began` is the monotonic time at which it would have begun,
    had it never been interrupted."""

    plan: Plan
    corpus: Corpus
    assets: AllAssets
    assembly: Assembly
    folder: RunFolder
    checkpoints: Checkpoints
    history: History
    reporter: Reporter
    tracking: Tracking
    interrupt: Interrupt
    began: float
    allow_local_code: bool

    @property
    def seed(self) -> int:
        """What everything random follows from."""
        return self.plan.spec.seed

    @property
    def again(self) -> str:
        """The command that goes on with this run."""
        flags = ["--allow-local-code"] if self.allow_local_code else []
        return shlex.join(["labelloom", "train", "--resume", str(self.folder.path), *flags])


def train_stage(job: Job, number: int, progress: Progress, saved: Saved) -> None:
    """Train stage `number` from where `progress` says, and leave its kept weights in the assembly.

    `saved` is what else was saved at that point, empty at a stage's start. Raises NonFiniteLossError, or
    TrainingError after Ctrl-C; in both cases the last checkpoint is there to resume from.
    """
    stage = job.plan.stages[number]
    settings = stage.settings
    key = stable_key(job.seed, stage.name)
    accelerator = make_accelerator(settings)
    main = accelerator.is_main_process
    metric = metric_of(stage)

    use_options(job.assembly, stage, job.plan)
    feed = _feed(job, stage, job.corpus.train, key, accelerator)
    asked = ask(stage, job.corpus, job.assets)
    if progress.step == 0:
        for note in asked.notes:
            job.reporter.say(note)
    validation = None
    if asked.measured:
        validation = _feed(job, stage, job.corpus.validation, key, accelerator, sampled=is_of_tasks(metric))
    steps = feed.steps
    budget = _budget(job, number, progress, accelerator)
    if budget is not None and progress.step == 0:
        budget.begin()

    job.assembly.to(accelerator.device)
    module = StageModule(job.assembly, stage)
    if progress.step == 0:
        module.reset(job.plan, job.corpus, job.assets, key)
    module.freeze()
    refuse_sparse(job.assembly, accelerator)
    if budget is not None and validation is not None and not is_of_tasks(metric):
        # What a first batch takes longer would count for every batch that is still to be scored.
        columns = validation.columns
        with accelerator.autocast():  # one batch alone, as if each process had a document
            next(
                ranked_batches(
                    job.assembly.model, columns, len(job.corpus.labels), settings.batch_size, world=len(columns)
                )
            )
    module.train()
    torch.manual_seed(stable_key(key, "dry"))
    dry_batch, dry_targets = feed.draw(feed.anchors[:_DRY_DOCUMENTS], stable_key(key, "dry"))
    unreached = module.keep_reached(dry_batch.to(accelerator.device), dry_targets.to(accelerator.device))
    if unreached:
        job.reporter.say(module.told(unreached))

    named = {name: weight for name, weight in job.assembly.named_parameters() if weight.requires_grad}
    names = {id(weight): name for name, weight in named.items()}
    trained = list(named.values())
    optimiser = make_optimiser(job.assembly, settings)
    restore_optimiser(optimiser, saved.optimiser, named)
    wrapped, stepper = accelerator.prepare(module, optimiser)
    if progress.scaler is not None:
        accelerator.scaler.load_state_dict(progress.scaler)
    average = Average(named, settings)
    average.restore(saved.average, progress.averaged)
    weights = torch.tensor([task.weight for task in stage.tasks], device=accelerator.device)

    def not_finite(what: str, when: str) -> NonFiniteLossError:
        rate = max(group["lr"] for group in optimiser.param_groups)
        kept = job.checkpoints.latest()
        return NonFiniteLossError(
            f"{what} not finite {when} of stage {stage.name!r} (highest rate {rate:.3g}); "
            + (f"the last good checkpoint is {kept.name}" if kept else "no checkpoint was written yet"),
            where=str(job.folder.path),
            suggestions=["lower training.learning_rate or training.rates", 'precision = "fp32"', "clip_norm = 1.0"],
        )

    def save() -> None:
        began = time.monotonic()
        if not all(_is_finite(weight) for weight in trained):
            raise not_finite("a weight is", f"after step {progress.step or steps}")
        if main:
            progress.scaler = accelerator.scaler.state_dict() if progress.step and accelerator.scaler else None
            progress.history = job.history.size
            progress.seconds, progress.averaged = time.monotonic() - job.began, average.count
            job.history.sync()
            tensors = Saved(optimiser_tensors(optimiser, names), average.tensors())
            job.checkpoints.save(progress, job.assembly, tensors)
            job.tracking.checkpoint(CheckpointSaved(stage.name, progress.total))
        accelerator.wait_for_everyone()
        if budget is not None:
            budget.saved(time.monotonic() - began)

    every = settings.evaluate_every or feed.steps_per_epoch
    job.reporter.start(stage.name, steps, progress.step)
    job.tracking.stage(StageBegins(stage.name, steps, progress.step))
    documents, seconds = 0, 0.0
    share = progress.step / steps if budget is None else progress.clock.share
    # However little time there is, a stage takes one step.
    while (share < 1 or progress.step == 0) and not _waited_long_enough(progress, settings):
        step, began = progress.step, time.monotonic()
        place = step if budget is None else share * steps
        set_rates(optimiser, rate_factor(place, steps, settings, step, feed.steps_per_epoch))
        _seed(stable_key(key, "step", step, accelerator.process_index), accelerator.device)
        parts = [(batch.to(accelerator.device), targets.to(accelerator.device)) for batch, targets in feed.step(step)]
        result = gradients(wrapped, parts, weights, trained, accelerator, settings.clip_norm, feed.idle(step))
        means = {task.name: mean for task, mean in zip(stage.tasks, result.means, strict=True)}
        if not result.finite:
            told = ", ".join(f"{name} {mean:.4g}" for name, mean in means.items())
            what = f"the loss ({told}) or its gradient (norm {result.norm:.4g}) is"
            raise not_finite(what, f"in step {step + 1}")
        stepper.step()
        stepper.zero_grad(set_to_none=True)
        average.add(share)
        progress.step = step + 1

        ended = time.monotonic()
        documents, seconds = documents + len(feed.anchors_of(step)), seconds + ended - began
        if budget is None:
            share = progress.step / steps
        else:
            budget.stepped(ended - began)
            share = budget.share(progress.step, steps)
            job.reporter.expect(math.ceil(progress.step / share))
        job.reporter.step(result.loss, documents / seconds)
        job.history.add(stage=stage.name, step=progress.step, loss=result.loss, tasks=means)
        rate = max(group["lr"] for group in optimiser.param_groups)
        job.tracking.step(StepTaken(stage.name, progress.step, progress.total, result.loss, means, rate))

        due = progress.step % every == 0 or share == 1
        if due and validation is not None:
            with average.in_place():
                try:
                    scores, ranking = _validate(job, stage, module, metric, validation, accelerator)
                except RunError as error:
                    raise not_finite("a score on validation is", f"after step {progress.step}") from error
                unsound = [name for name, score in scores.items() if not math.isfinite(score)]
                if unsound:
                    raise not_finite(f"{unsound[0]} on validation is", f"after step {progress.step}")
                better = _note(progress, scores[metric], metric)
                if better and settings.keep == "best":
                    job.checkpoints.save_best(progress, job.assembly, write=main)
            job.history.add(stage=stage.name, step=progress.step, validation=scores, better=better)
            job.reporter.validated(progress.step, _shown(scores, metric), better and settings.keep == "best")
            job.tracking.validation(Validated(stage.name, progress.step, progress.total, scores, better))
            module.train()
            if budget is not None:
                budget.validated(ranking, time.monotonic() - ended - ranking)
                share = budget.share(progress.step, steps)
        if due if settings.checkpoint_every is None else progress.step % settings.checkpoint_every == 0:
            save()
        if due and budget is not None:
            # Where there is no time for another step and its validation, this was the last one.
            share = budget.share(progress.step, steps)
        if _any_process(job.interrupt.asked, accelerator):
            save()
            raise TrainingError(
                f"interrupted after step {progress.step} of stage {stage.name!r}; everything so far is saved",
                where=str(job.folder.path),
                suggestions=[job.again],
            )
    job.reporter.stop()
    if share == 1 and progress.step < steps:
        job.reporter.say(f"{stage.name}: the time budget ended it after {progress.step:,} of {steps:,} planned steps")
    accelerator.wait_for_everyone()
    # Before the best weights are read: with large tables its state is twice as large as they are.
    optimiser.state.clear()
    if settings.keep == "best":
        job.checkpoints.load_best(progress, job.assembly)
    else:
        average.exchange()
    progress.taken[stage.name] = progress.step
    progress.stage, progress.step, progress.waited = number + 1, 0, 0
    progress.best_value = progress.best_file = None
    average.clear()
    save()
    use_options(job.assembly, None, job.plan)
    if accelerator.device.type != "cpu" or accelerator.num_processes > 1:
        accelerator.free_memory()  # it collects garbage, which takes a third of a second


def _feed(job: Job, stage: StagePlan, split: Split, key: int, accelerator: Accelerator, sampled: bool = True) -> Feed:
    """The steps of `stage` on `split`, as its samplers draw them, or without them as predictions see documents."""
    reader = job.assembly.model.encoder.reader
    samplers = build_samplers(stage, job.corpus.labels, job.assets) if sampled else []
    with accelerator.main_process_first():
        columns = tokenised(split, reader, cache_folder())
    rank, world = accelerator.process_index, accelerator.num_processes
    return Feed(split, columns, reader, samplers, stage.settings, key, rank, world)


def _budget(job: Job, number: int, progress: Progress, accelerator: Accelerator) -> Budget | None:
    """The time of stage `number`, where the run has a time budget."""
    settings = job.plan.stages[number].settings
    if settings.seconds is None:
        return None
    planned = [planned_steps(stage.settings, len(job.corpus.train)) for stage in job.plan.stages[number:]]
    validation = math.ceil(len(job.corpus.validation) / settings.batch_size)
    scored = validation + (math.ceil(len(job.corpus.test) / settings.batch_size) if job.corpus.test else 0)
    slowdown = 1.0 if settings.precision == "fp32" else 2.0
    part = planned[0] / sum(planned)
    return Budget(settings.seconds, job.began, progress.clock, part, (validation, scored), slowdown, accelerator)


def _seed(key: int, device: torch.device) -> None:
    if device.type == "cpu":
        torch.default_generator.manual_seed(key)  # a hundredth of what asking every kind of device costs
    else:
        torch.manual_seed(key)


def _validate(
    job: Job, stage: StagePlan, module: StageModule, metric: str, feed: Feed, accelerator: Accelerator
) -> tuple[dict[str, float], float]:
    """The metrics, or what the stage's tasks tell, on validation, and the seconds that the model took for them."""
    split, spec = job.corpus.validation, job.plan.spec
    began = time.monotonic()
    with accelerator.autocast():
        if is_of_tasks(metric):
            losses = losses_on(module, feed, accelerator, stage.settings.batch_size)
            return losses, time.monotonic() - began
        ranking = rank_shared(job.assembly, feed.columns, len(job.corpus.labels), stage.settings.batch_size)
    seconds = time.monotonic() - began
    seen = propensities(job.corpus.statistics.frequency, len(job.corpus.train))
    return metrics_on(ranking, split, metric, spec.decision, job.assembly.model.scale, seen), seconds


def _is_finite(weight: Tensor) -> bool:
    """Whether every number of a weight is finite, without a mask of its size; minimum and maximum keep NaN."""
    return not weight.numel() or all(bool(bound.isfinite()) for bound in torch.aminmax(weight.detach()))


def _note(progress: Progress, value: float, metric: str) -> bool:
    """Enter a validation; whether it is the best of the stage."""
    upward = not is_loss(metric) and (is_log(metric) or higher_is_better(metric))
    best = progress.best_value
    better = best is None or (value > best if upward else value < best)
    progress.waited = 0 if better else progress.waited + 1
    if better:
        progress.best_value = value
    return better


def _any_process(asked: bool, accelerator: Accelerator) -> bool:
    """Whether any process was asked to stop: all of them must end after the same step."""
    if accelerator.num_processes == 1:
        return asked
    return bool(accelerator.reduce(torch.tensor(float(asked), device=accelerator.device), "sum") > 0)


def _waited_long_enough(progress: Progress, settings: TrainingSettings) -> bool:
    return settings.patience is not None and progress.waited >= settings.patience


def _shown(scores: Mapping[str, float], metric: str) -> dict[str, float]:
    names = [metric, *filter(is_log, scores), "micro_f1", "macro_f1"]
    return {name: scores[name] for name in dict.fromkeys(names) if name in scores}
