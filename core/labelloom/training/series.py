"""Several seeds of one spec: a run each, and what they say together."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelloom.compose.plan import Plan
from labelloom.compose.resolved import resolved
from labelloom.data.corpus import load_corpus
from labelloom.errors import Problem, RunError, TrainingError
from labelloom.runs.folder import Run, RunFolder, write_json
from labelloom.training.differences import differences, differs_from
from labelloom.training.processes import process_state
from labelloom.training.progress import Reporter, Silent
from labelloom.training.trackers import Tracker
from labelloom.training.train import How, begun, planned, resume, run_of, saved_plan, train_plan

_NEW = "--output or --set name=... for new runs"


@dataclass(frozen=True)
class Series:
    """The finished runs of several seeds, and their summary as it lies in `path`."""

    runs: list[Run]
    path: Path
    summary: dict[str, Any]


def train_seeds(
    spec: str | Path | Mapping[str, Any],
    seeds: Sequence[int],
    *,
    output: str | Path = "runs",
    overrides: Iterable[str] = (),
    go_on: bool = False,
    allow_local_code: bool = False,
    reporter: Reporter | None = None,
    trackers: Sequence[Tracker] = (),
) -> Series:
    """Train a spec with each of `seeds` and write mean and spread of their metrics to `<output>/<name>/summary.json`.

    Args:
        spec, output, overrides, allow_local_code, reporter: as for `train`.
        seeds: at least two different ones.
        go_on: take over the runs that have ended, go on with those that have not, and train the rest; without it a run
            that is there is an error.
        trackers: names of listeners: "tensorboard", "bundle/listener"; not objects, each of which shows one run.

    Raises:
        RunError: before anything trains, when runs are there already, or were made from another spec or other
            documents.
        TrainingError: for a tracker that is an object.
        ValueError: for fewer than two seeds.
        All that `train` raises; what has ended until then is kept.
    """
    if len(set(seeds)) < 2:
        raise ValueError("a series has at least two different seeds; train() is for one")
    if objects := [type(tracker).__name__ for tracker in trackers if not isinstance(tracker, str)]:
        raise TrainingError(
            f"{', '.join(objects)}: an object shows one run, and each of a series would write over the one before",
            where="trackers",
            suggestions=["the name of a listener", "labelloom.train() for each seed, with a tracker of its own"],
        )
    how = How(allow_local_code, reporter or Silent(), trackers)
    ready = plan_seeds(spec, seeds, output, tuple(overrides), how, go_on=go_on, again="go_on=True")
    runs = list(train_planned(ready, how))
    return Series(runs, *write_summary(runs))


def plan_seeds(
    spec: str | Path | Mapping[str, Any],
    seeds: Sequence[int | None],
    output: str | Path,
    overrides: Sequence[str],
    how: How,
    *,
    go_on: bool,
    again: str,
) -> list[tuple[Plan, RunFolder]]:
    """The plan and the folder of each seed, None for the spec's own; every folder is looked at before anything trains.

    `again` is what to do to go on where runs are there. Raises as `train_seeds` does.
    """
    plans = [planned(spec, seed, overrides, how) for seed in dict.fromkeys(seeds)]
    runs = [run_of(plan, output) for plan in plans]
    ended = go_on and any(run.finished for run in runs)
    with process_state().main_process_first():
        corpus = load_corpus(plans[0].spec.data).digest if ended else ""
    problems: list[Problem] = []
    back: tuple[str, ...] = ()
    others = False
    for plan, run in zip(plans, runs, strict=True):
        if begun(run) and not go_on:
            state = "has ended" if run.finished else "has begun"
            differing = differs_from(run, plan)
            other = f" with another spec, which differs in {differing}" if differing else ""
            problems.append(Problem(str(run.path), f"this run {state} already{other}, and runs are never overwritten"))
            others |= bool(differing)
        elif run.spec.is_file() and (
            differing := differences(resolved(plan), resolved(saved_plan(run, how.allow_local_code)))
        ):
            problems.append(
                Problem(str(run.path), f"this run was made from another spec, which differs in {differing}")
            )
        elif run.finished and run.read_metrics().get("corpus") != corpus:
            problems.append(Problem(str(run.path), "this run was trained on other documents than there are now"))
            back = ("put the documents back",)
    if problems:
        last = problems[-1]
        problems[-1] = Problem(last.where, last.message, (*back, _NEW) if go_on or others else (again, _NEW))
        raise RunError.from_problems(problems)
    if len(runs) > 1:
        _tell_of_replaced(_summary_of(runs[0]), [plan.spec.seed for plan in plans], how.reporter)
    process_state().wait_for_everyone()
    return list(zip(plans, runs, strict=True))


def train_planned(ready: Sequence[tuple[Plan, RunFolder]], how: How) -> Iterator[Run]:
    """One run after the other: what has ended is given back, what has begun goes on.

    Raises RunError after a run on other documents than the one before it.
    """
    before: Run | None = None
    for place, (plan, run) in enumerate(ready, start=1):
        if len(ready) > 1:
            how.reporter.say(f"seed {plan.spec.seed} ({place} of {len(ready)})")
        if run.spec.is_file():
            made = resume(run.path, allow_local_code=how.allow_local_code, reporter=how.reporter, trackers=how.trackers)
        else:
            made = train_plan(plan, run, how, fresh=True)
        if before is not None and made.metrics["corpus"] != before.metrics["corpus"]:
            raise RunError(
                f"the documents changed after seed {before.path.name} was trained: figures of the two have no mean",
                where=str(run.path),
                suggestions=["put the documents back and train this seed anew", _NEW],
            )
        before = made
        yield made


def write_summary(runs: Sequence[Run]) -> tuple[Path, dict[str, Any]]:
    """Write `summary.json` above the runs: the seeds, and of each metric mean, deviation (of a sample) and values.

    Gives its path and what it says. Of several processes one writes.
    """
    groups = [name for name, group in runs[0].metrics.items() if name.startswith(("validation", "test"))]
    summary: dict[str, Any] = {
        "name": runs[0].path.parent.name,
        "seeds": [run.metrics["seed"] for run in runs],
        **{name: _spread([run.metrics[name] for run in runs]) for name in groups},
    }
    path = _summary_of(runs[0])
    if process_state().is_main_process:
        write_json(path, summary)
    return path, summary


def _summary_of(run: Run | RunFolder) -> Path:
    """Where the summary of a run and of those with other seeds lies."""
    return run.path.parent / "summary.json"


def _tell_of_replaced(path: Path, seeds: Sequence[int], reporter: Reporter) -> None:
    """Say which seeds an older summary is about and the new one will not be."""
    before = json.loads(path.read_text(encoding="utf-8"))["seeds"] if path.is_file() else []
    if set(before) - set(seeds):
        old, new = (", ".join(map(str, each)) for each in (before, seeds))
        reporter.say(
            f"{path} is about seeds {old}; at the end it will be about {new} alone: name all of them and continue the "
            "series for one about all"
        )


def _spread(groups: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    values = {metric: [group[metric] for group in groups] for metric in groups[0]}
    return {
        metric: {"mean": statistics.mean(each), "deviation": statistics.stdev(each), "values": each}
        for metric, each in values.items()
    }
