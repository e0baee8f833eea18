"""An overview of a corpus, told to a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from labelloom.cli.frequency_plot import frequency_lines
from labelloom.cli.output import from_here, table, visible
from labelloom.data.figures import Overview, SplitOverview
from labelloom.data.overview import SCARCE
from labelloom.data.published import Comparison, Figure
from labelloom.data.statistics import HEAD_SHARE, MID_SHARE
from labelloom.spec.data import DataSettings
from labelloom.wording import counted

_SHOWN = 10
"""Labels at either end of the frequencies; of a corpus with few labels, all. Fewer than these need no plot."""
_NEARLY = 0.002
"""A set is nearly another one where no more documents are missing or added, as a share."""
_CHARACTERS = 400
"""Of the example's text."""


def print_overview(
    out: Console, told: Overview, settings: DataSettings, remarks: Sequence[str], comparison: Comparison | None
) -> None:
    """Everything that `labelloom data` tells."""
    where = "".join(f"  {each}" for each in (from_here(settings.source), told.format) if each not in ("", told.name))
    out.print(Text(visible(told.name), style="bold") + Text(visible(where), style="not bold"))
    out.print()
    _print_splits(out, told)
    _print_frequencies(out, told)
    _print_pairs(out, told)
    if comparison:
        _print_published(out, told, comparison)
    _print_example(out, told)
    for title, lines in (("reading noted", told.notes), ("worth a look", remarks)):
        if lines:
            out.print()
            out.print(title, style="bold")
            for line in lines:
                out.print(f"  {visible(line)}", soft_wrap=True)


_Row = tuple[str, Callable[[SplitOverview], str]]


def _print_splits(out: Console, told: Overview) -> None:
    columns = [told.whole, *told.splits.values()] if len(told.splits) > 1 else list(told.splits.values())
    names = [column.name for column in columns]
    made = table("", *names, numbers=names)
    rows: list[_Row] = [
        ("documents", lambda split: f"{split.documents:,}"),
        ("labels", lambda split: f"{split.labels:,}"),
        ("labels a document", lambda split: f"{split.cardinality:.2f}"),
        ("  the most", lambda split: f"{split.most_labels:,}"),
        ("  share of all labels", lambda split: _percent(split.density)),
        ("distinct label sets", lambda split: f"{split.label_sets:,}"),
        ("words, mean", lambda split: f"{split.words.mean:,.1f}"),
        ("  median", lambda split: f"{split.words.median:,.0f}"),
        ("  95 % have at most", lambda split: f"{split.words.percentile_95:,.0f}"),
        ("  the longest", lambda split: f"{split.words.most:,}"),
        ("characters, mean", lambda split: f"{split.characters.mean:,.0f}"),
        ("  the longest", lambda split: f"{split.characters.most:,}"),
    ]
    troubles: list[_Row] = [
        ("without a label", lambda split: f"{split.without_label:,}"),
        ("without text", lambda split: f"{split.without_text:,}"),
        ("text of an earlier one", lambda split: f"{split.repeated:,}"),
        *((f"text also in {name}", _shared_with(name)) for name in list(told.splits)[:-1]),
        ("labels not in train", lambda split: "" if split.name == "train" else f"{len(split.unseen):,}"),
    ]
    # What occurs nowhere is not worth a line of zeros; the JSON has it.
    rows += [row for row in troubles if any(row[1](column) not in ("", "0") for column in columns)]
    for name, text in rows:
        made.add_row(name, *(text(column) for column in columns))
    out.print(made)
    named = len(told.labels) - told.whole.labels
    if named:
        out.print(f"and {counted(named, 'label')} that no document has")


def _shared_with(name: str) -> Callable[[SplitOverview], str]:
    return lambda split: f"{split.shared[name]:,}" if name in split.shared else ""


def _print_frequencies(out: Console, told: Overview) -> None:
    total = max(int(told.frequency.sum()), 1)
    out.print()
    groups = table("labels in train", "number", "of all occurrences", numbers=["number", "of all occurrences"])
    head, mid = (f"at least {100 * share:.2f} %" for share in (HEAD_SHARE, MID_SHARE))
    bounds = {"head": f"in {head} of the documents", "mid": mid, "tail": "fewer"}
    for name, group in told.groups.items():
        groups.add_row(f"{name}: {bounds[name]}", f"{group.labels:,}", _percent(group.occurrences / total))
    for bound in SCARCE:
        groups.add_row(f"with fewer than {bound} documents", f"{told.scarce[bound]:,}", "")
    out.print(groups)
    order = told.by_frequency().tolist()
    out.print()
    if len(order) <= 2 * _SHOWN:
        _print_labels(out, told, "labels by training documents", order)
    else:
        _print_labels(out, told, "most frequent", order[:_SHOWN])
        out.print()
        seen = [label for label in order if told.frequency[label]]
        _print_labels(out, told, "least frequent in train", seen[-_SHOWN:])
    if len(order) >= _SHOWN:
        out.print()
        for line in frequency_lines(told):
            out.print(line)


def _print_labels(out: Console, told: Overview, title: str, labels: Sequence[int]) -> None:
    made = table(title, "", "documents", "share", numbers=["documents", "share"])
    train = max(told.splits["train"].documents, 1)
    for label in labels:
        code, name, count = visible(told.labels.codes[label]), _name(told, label), int(told.frequency[label])
        made.add_row(code, "" if name == code else name, f"{count:,}", _percent(count / train))
    out.print(made)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 or not share else f"{100 * share:.1g} %"


def _print_pairs(out: Console, told: Overview) -> None:
    if told.pairs is None:
        out.print("\nlabels that go together: not counted, there are too many pairs in one document")
        return
    if not told.pairs:
        return
    made = table("labels that go together", "", "documents", "correlation", numbers=["documents", "correlation"])
    for pair in told.pairs:
        made.add_row(_name(told, pair.first), _name(told, pair.second), f"{pair.count:,}", f"{pair.phi:.2f}")
    out.print()
    out.print(made)


def _name(told: Overview, label: int) -> str:
    name, code = told.labels.names[label], told.labels.codes[label]
    alone = told.labels.names.count(name) == 1
    return visible(name if alone else f"{name} ({code})")


def _print_published(out: Console, told: Overview, comparison: Comparison) -> None:
    published = comparison.published
    why = "by its name" if comparison.by == "name" else "by its figures"
    out.print()
    out.print(Text("published figures", style="bold") + Text(f" of {published.title}, the nearest {why}"))
    made = table("", "published", "here", "difference", numbers=["published", "here", "difference"])
    for figure in comparison.figures:
        made.add_row(figure.name, *_figure(figure))
    out.print(made)
    out.print(f"source: {published.source}", soft_wrap=True)
    out.print(_verdict(told, comparison), soft_wrap=True)


def _figure(figure: Figure) -> tuple[str, str, str]:
    whole = isinstance(figure.published, int)

    def shown(value: float, sign: str = "") -> str:
        return f"{value:{sign},.0f}" if whole else f"{value:{sign},.2f}"

    if figure.measured is None:
        return shown(figure.published), "–", ""
    difference = shown(figure.measured - figure.published, "+")
    return shown(figure.published), shown(figure.measured), difference if float(difference.replace(",", "")) else "0"


def _verdict(told: Overview, comparison: Comparison) -> str:
    if comparison.same_counts:
        return "documents and labels are as many as published"
    title, total, labels = comparison.published.title, comparison.published.total, comparison.published.labels
    documents = told.whole.documents
    said = [f"{total:,} documents and this has {documents:,}"] if total not in (None, documents) else []
    said += [f"{labels:,} labels and this has {told.whole.labels:,}"] if labels != told.whole.labels else []
    if not said:
        return f"its splits are not those of {title}: scores are not comparable with published ones"
    nearly = labels == told.whole.labels and total is not None and abs(total - documents) <= total * _NEARLY
    other = "another set or a part of it, so scores are not comparable with published ones"
    return f"{title} has {', and '.join(said)}: {'nearly the same set' if nearly else other}"


def _print_example(out: Console, told: Overview) -> None:
    example = told.example
    text = visible(" ".join(example.text.split()))
    shown = text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"
    labels = visible(", ".join(told.labels.codes[label] for label in example.labels)) or "none"
    out.print()
    out.print(Text("a document", style="bold") + Text(f"  {visible(example.id)}"))
    out.print(f"  text    {shown}", soft_wrap=True)
    out.print(f"  labels  {labels}", soft_wrap=True)
