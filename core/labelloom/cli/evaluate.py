"""`labelloom evaluate`: the scores of a run on a split, under its own decision or another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli import decision_options as decide
from labelloom.cli import extras
from labelloom.cli import group_options as groups
from labelloom.cli import neighbours as near
from labelloom.cli import shortlist_options as few
from labelloom.cli.options import AllowLocalCode, Json
from labelloom.cli.output import console, print_json
from labelloom.errors import BundleError, DataError, SpecError

if TYPE_CHECKING:
    from labelloom.cli.evaluation_report import Side
    from labelloom.data.corpus import Corpus, Split
    from labelloom.evaluation.decision import Decision
    from labelloom.evaluation.shortlist_recall import ShortlistRecall
    from labelloom.runs.classifier import Classifier
    from labelloom.runs.folder import RunFolder
    from labelloom.spec.decision import DecisionSettings

_SPLITS = ("train", "validation", "test")
_CONFIDENCE = 0.95


def evaluate_run(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of one seed: runs/<name>/<seed>.")],
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="|".join(_SPLITS), help="Default test, or validation where there is none."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SOURCE",
            help="Score other documents than the run's own corpus, with labels that the run knows: what data.source "
            "may be, with fields called as in the run's corpus, or a spec (TOML) whose [data] says all of it.",
        ),
    ] = None,
    per_label: Annotated[bool, typer.Option("--per-label", help="Show every label too.")] = False,
    head: groups.Head = None,
    mid: groups.Mid = None,
    bootstrap: Annotated[
        int | None,
        typer.Option(
            "--bootstrap", metavar="N", min=1, help="Add intervals from N resamples of the documents; 1000, say."
        ),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option("--confidence", metavar="C", help="Of the intervals; default 0.95.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Of the resamples; default 0.")] = None,
    rarest: Annotated[
        int | None,
        typer.Option(
            "--rarest",
            metavar="R",
            min=1,
            help="Add how well documents of the R rarest labels are found; 10, say. Labels count that a training "
            "document and a scored one carry.",
        ),
    ] = None,
    metric: extras.Metrics = None,
    section: extras.Sections = None,
    rule: decide.Rule = None,
    threshold: decide.Threshold = None,
    k: decide.K = None,
    fit_for: decide.FitFor = None,
    min_support: decide.MinSupport = None,
    shrinkage: decide.Shrinkage = None,
    calibration: decide.Calibration = None,
    at_least_one: decide.AtLeastOne = None,
    save: decide.Save = False,
    neighbours: near.Document = None,
    label: near.Labels = None,
    among: near.Among = None,
    at_least: near.AtLeast = None,
    branch: near.Branch = None,
    shortlist: few.Measured = None,
    index: few.Index = None,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Score a run on a split.

    Of its own corpus, or of other documents with labels that it knows. --rule and the options below it try another
    decision without training: it is fitted on the run's own validation split, and nothing is changed without --save.
    --shortlist scores as predict --shortlist answers, and says what is lost by it. --neighbours shows instead which
    documents the model takes for alike, label by label.
    """
    near.check_options(context, at_least)
    bounds = groups.asked_bounds(head, mid)
    if split is not None and split not in _SPLITS:
        raise typer.BadParameter(f"{split!r} is not one of {', '.join(_SPLITS)}.", param_hint="--split")
    if neighbours is not None:
        near.show_neighbours(run, neighbours, label, split, data, among, at_least, branch, as_json, allow_local_code)
        return
    if bootstrap is None and (confidence, seed) != (None, None):
        lonely = "--seed" if confidence is None else "--confidence"
        raise typer.BadParameter("it says something only of --bootstrap N.", param_hint=lonely)
    if confidence is not None and not 0 < confidence < 1:
        raise typer.BadParameter(f"{confidence:g} does not lie between 0 and 1.", param_hint="--confidence")
    few.check_options(shortlist, index)
    few.check_evaluated(shortlist, rarest)
    options = {
        "rule": rule,
        "threshold": threshold,
        "k": k,
        "metric": fit_for,
        "min_support": min_support,
        "shrinkage": shrinkage,
        "calibration": calibration,
        "at_least_one": at_least_one,
    }

    from labelloom.bundles import Catalogue
    from labelloom.cli.evaluation_report import Report, scores_of_rarest, side
    from labelloom.evaluation.bootstrap import intervals
    from labelloom.report.sections import Scored
    from labelloom.runs.classifier import check_shortlist, load
    from labelloom.runs.folder import RunFolder
    from labelloom.runs.splits import choose_split

    folder = RunFolder(run)
    catalogue = Catalogue()
    sections = extras.chosen_sections(section, catalogue)
    extra = extras.chosen_metrics(metric, folder)
    own = folder.read_decision()
    settings = decide.asked_settings(own.settings(), options)
    if save and settings is None:
        raise typer.BadParameter("give the decision to save: --rule per-label, say.", param_hint="--save")
    exact = load(run, allow_local_code=allow_local_code)
    classifier = few.with_shortlist(exact, shortlist, index)
    corpus, trained_on = _corpora(folder, classifier, data, needed=settings is not None or rarest is not None)
    chosen = choose_split(corpus, split)
    one_file = len(corpus.splits) == 1
    if split is None and chosen.name != "test" and not one_file:
        typer.echo(f"{corpus.name} has no test split: these are the scores on {chosen.name}", err=True)

    name = corpus.name if one_file else chosen.name
    statistics = None if trained_on is None else trained_on.statistics
    if statistics is not None:
        groups.check_bounds(bounds, statistics.document_count)
    ranking = classifier.rank_split(chosen)
    of_rarest = None
    if rarest is not None:
        assert statistics is not None
        of_rarest = scores_of_rarest(rarest, classifier, chosen, ranking, statistics)
    sides = [side(name, own, classifier, chosen, ranking, statistics, of_rarest, extra)]
    if settings is not None:
        assert trained_on is not None
        decision = _refitted(exact, settings, trained_on.validation, len(chosen))
        if shortlist is not None:
            check_shortlist(decision, shortlist)
        if data is None and chosen.name == "validation":
            typer.echo("the decision is fitted on the documents that it is scored on: its scores flatter it", err=True)
        tried = side(f"{name}: {settings.rule}", decision, classifier, chosen, ranking, statistics, of_rarest, extra)
        sides = [tried, replace(sides[0], title=f"{name}: the run's own")]
    confidence = confidence or _CONFIDENCE
    extras.refuse_unmeasured(metric, extra, sides[0].outcome)
    scored = Scored(folder, classifier, chosen, ranking, sides[0].outcome, trained_on)
    added = extras.contents(sections, catalogue, scored)
    between = intervals(sides[0].outcome, bootstrap, confidence, seed or 0, extra=extra) if bootstrap else {}
    held = None if shortlist is None else _held(classifier, chosen, sides)
    report = Report(corpus.name, classifier, sides, statistics, bounds, between, confidence, per_label, extra, held)
    if as_json:
        print_json(report.as_json() | extras.sections_as_json(added))
    else:
        report.print(out := console())
        extras.print_sections(out, added)
    if save:
        _save(folder, sides[0].decision)


def _corpora(folder: RunFolder, classifier: Classifier, data: str | None, needed: bool) -> tuple[Corpus, Corpus | None]:
    """What is scored, and the run's own corpus: None where it cannot be read and is not `needed`."""
    from labelloom.runs.splits import other_corpus, own_corpus

    settings = classifier.data
    if data is None:
        corpus = own_corpus(folder, settings)
        return corpus, corpus
    corpus = other_corpus(data, classifier.labels, settings)
    for note in corpus.notes:
        typer.echo(note, err=True)
    try:
        return corpus, own_corpus(folder, settings)
    except (BundleError, DataError) as error:  # the data is gone, or the bundle that reads it
        if needed:
            raise
        message = f"no groups of head and tail labels and no PSP@k: the run's own corpus cannot be read ({error})"
        typer.echo(message, err=True)
        return corpus, None


def _refitted(classifier: Classifier, settings: DecisionSettings, validation: Split, scored: int) -> Decision:
    """The decision of `settings`, fitted on the run's validation split. Raises SpecError in terms of the options."""
    from labelloom.evaluation.decision import fitting_notes
    from labelloom.evaluation.depth import top_k_problems

    if settings.k is not None:
        documents = max(scored, len(validation))
        if found := list(top_k_problems(settings.k, "--k", documents, len(classifier.labels))):
            raise SpecError.from_problems(decide.in_options(found))
    try:
        decision = classifier.refitted(settings, validation)
    except SpecError as error:
        raise SpecError.from_problems(decide.in_options(error.problems)) from error
    for note in fitting_notes(settings, validation.label_sets):
        typer.echo(note, err=True)
    return decision


def _held(classifier: Classifier, split: Split, sides: Sequence[Side]) -> ShortlistRecall:
    """What shortlists hold of the exact ranking, at the k of the metrics and of decisions that give k labels."""
    from labelloom.evaluation.rules import TopK

    ks = {1, 3, 5} | {each.decision.rule.k for each in sides if isinstance(each.decision.rule, TopK)}
    return classifier.shortlist_recall(split, ks=sorted(ks))


def _save(folder: RunFolder, decision: Decision) -> None:
    from labelloom.runs.folder import replace_file

    replace_file(folder.decision, lambda beside: beside.write_text(decision.to_json(), encoding="utf-8"))
    typer.echo(
        f"saved in {folder.decision}: evaluate and predict decide so from now on; {folder.metrics.name} and "
        f"{folder.predictions.name} still tell of the decision before",
        err=True,
    )
