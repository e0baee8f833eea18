"""`labelloom evaluate`: the scores of a run on a split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.cli.options import AllowLocalCode, Json
from labelloom.cli.output import console, print_json
from labelloom.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from labelloom.data.corpus import Corpus, Split
    from labelloom.evaluation.predictions import Predictions
    from labelloom.runs.classifier import Classifier
    from labelloom.runs.folder import RunFolder

_SPLITS = ("train", "validation", "test")


def evaluate_run(
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
            help="Score other documents than the run's own corpus: a file, a folder, hf:<name> or a sample, with "
            "fields called as in the run's corpus and labels that the run knows.",
        ),
    ] = None,
    per_label: Annotated[bool, typer.Option("--per-label", help="Show every label too.")] = False,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Score a run on a split.

    Of its own corpus, or of other documents with labels that it knows.
    """
    if split is not None and split not in _SPLITS:
        raise typer.BadParameter(f"{split!r} is not one of {', '.join(_SPLITS)}.", param_hint="--split")

    from labelloom.evaluation.metrics import evaluate
    from labelloom.evaluation.summary import groups as scores_of_groups
    from labelloom.runs.classifier import load
    from labelloom.runs.folder import RunFolder
    from labelloom.runs.splits import choose_split

    folder = RunFolder(run)
    classifier = load(run, allow_local_code=allow_local_code)
    corpus, groups = _corpus(folder, classifier, data)
    chosen = choose_split(corpus, split)
    one_file = len(corpus.splits) == 1
    if split is None and chosen.name != "test" and not one_file:
        typer.echo(f"{corpus.name} has no test split: these are the scores on {chosen.name}", err=True)
    answers = classifier.predictions(chosen)
    scores = evaluate(chosen.label_sets, answers.predicted, answers.ranking)
    told = {} if groups is None else scores_of_groups(chosen.label_sets, answers.predicted, groups)
    by_group = {name: values for name, values in told.items() if values["labels"]}
    labels = _labels(classifier, chosen, answers, groups) if per_label else []
    if as_json:
        flat = {f"{name}_{key}": value for name, values in by_group.items() for key, value in values.items()}
        print_json({**scores, **flat, **({"labels": labels} if per_label else {})})
    else:
        _print(classifier, corpus, answers, {corpus.name if one_file else chosen.name: scores}, by_group, labels)


def _corpus(folder: RunFolder, classifier: Classifier, data: str | None) -> tuple[Corpus, np.ndarray | None]:
    """What is scored, and the group of each label by its frequency in the run's own training split."""
    from labelloom.runs.splits import other_corpus, own_corpus

    settings = classifier.data
    if data is None:
        corpus = own_corpus(folder, settings)
        return corpus, corpus.statistics.groups()
    corpus = other_corpus(data, classifier.labels, settings)
    for note in corpus.notes:
        typer.echo(note, err=True)
    try:
        return corpus, own_corpus(folder, settings).statistics.groups()
    except DataError as error:
        typer.echo(f"no groups of head and tail labels: the run's own corpus cannot be read ({error})", err=True)
        return corpus, None


def _labels(
    classifier: Classifier, split: Split, answers: Predictions, groups: np.ndarray | None
) -> list[dict[str, Any]]:
    """Every label with its figures, those of most documents first."""
    from labelloom.evaluation.summary import GROUPS, per_label

    figures = per_label(split.label_sets, answers.predicted)
    labels = classifier.labels
    return [
        {
            "label": labels.codes[label],
            "name": labels.names[label],
            "group": "" if groups is None else GROUPS[groups[label]],
            **{name: figures[name][label].item() for name in ("precision", "recall", "f1", "support")},
        }
        for label in sorted(range(len(labels)), key=lambda label: -figures["support"][label])
    ]


def _print(
    classifier: Classifier,
    corpus: Corpus,
    answers: Predictions,
    columns: dict[str, dict[str, float]],
    groups: dict[str, dict[str, float]],
    labels: list[dict[str, Any]],
) -> None:
    from labelloom.cli.scores import group_table, label_table, score_table
    from labelloom.evaluation.decision import Decision
    from labelloom.evaluation.metrics import evaluate
    from labelloom.evaluation.rules import Fixed

    assert answers.truth is not None
    if classifier.probabilities:
        half = Decision(Fixed(0.5)).decide(answers.ranking)
        columns["at 0.5"] = evaluate(answers.truth, half, answers.ranking)
    out = console()
    out.print(f"{corpus.name}: {len(answers.ids):,} documents, {len(classifier.labels):,} labels")
    out.print(f"answers: {classifier.decision.describe()}\n")
    out.print(score_table(columns))
    if len(groups) > 1:
        out.print()
        out.print(group_table(groups))
    if labels:
        out.print()
        out.print(label_table(labels))
