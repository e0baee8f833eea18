"""The options that score only the labels on each document's shortlist, and what is told of what is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from labelloom.compose.shortlist import Index as Indexed
    from labelloom.evaluation.shortlist_recall import ShortlistRecall
    from labelloom.runs.classifier import Classifier

_INDEXES = ("torch", "faiss")
_LEAST = 5
"""Labels on a shortlist that is evaluated: what the metrics of the best labels need."""
_PANEL = "For models with very many labels"
_HELP = "Score only the N labels of each document whose vectors are nearest to it"


def _option(*names: str, **said: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **said)


Shortlist = Annotated[int | None, _option("--shortlist", metavar="N", min=1, help=f"{_HELP}.")]
Measured = Annotated[
    int | None,
    _option(
        "--shortlist",
        metavar="N",
        min=1,
        help=f"{_HELP}, and show how many of the exact best labels are among them.",
    ),
]
Index = Annotated[
    str | None,
    _option(
        "--index",
        metavar="|".join(_INDEXES),
        help="What finds the labels on a shortlist: torch compares all vectors, faiss a part of them; default torch.",
    ),
]


def check_options(shortlist: int | None, index: str | None) -> None:
    """Raises BadParameter for an index without a shortlist, and for one that is not known."""
    if index is not None and index not in _INDEXES:
        raise typer.BadParameter(f"{index!r} is not one of {', '.join(_INDEXES)}.", param_hint="--index")
    if index is not None and shortlist is None:
        raise typer.BadParameter("it says something only of --shortlist N.", param_hint="--index")


def check_evaluated(shortlist: int | None, rarest: int | None) -> None:
    """Raises BadParameter for a shortlist that metrics need more labels than."""
    if shortlist is not None and shortlist < _LEAST:
        raise typer.BadParameter(
            f"P@{_LEAST} and nDCG@{_LEAST} need {_LEAST} labels of each document at least.", param_hint="--shortlist"
        )
    if shortlist is not None and rarest is not None:
        raise typer.BadParameter(
            "it ranks documents by the scores of labels that are on few shortlists.", param_hint="--rarest"
        )


def with_shortlist(classifier: Classifier, shortlist: int | None, index: str | None) -> Classifier:
    """`classifier`, or the one that scores a shortlist, where one is asked for."""
    return classifier if shortlist is None else classifier.with_shortlist(shortlist, cast("Indexed", index or "torch"))


def as_json(found: ShortlistRecall) -> dict[str, Any]:
    """How much is scored and what it holds of the exact ranking, for programs."""
    told = {"labels": found.count, "of_labels": found.label_count, "index": found.index, "documents": found.documents}
    return {**told, "of_documents": found.of, **{f"recall@{k}": share for k, share in found.recall.items()}}


def as_text(found: ShortlistRecall) -> list[str]:
    """The same for people, in two lines."""
    shares = [f"{_percent(share)} of the best {k}" for k, share in found.recall.items() if k > 1]
    if 1 in found.recall:
        shares.insert(0, f"{_percent(found.recall[1])} of the best label")
    documents = (
        f"all {found.of:,} documents"
        if found.documents == found.of
        else f"{found.documents:,} of {found.of:,} documents"
    )
    return [
        f"shortlist: {found.count:,} of {found.label_count:,} labels are scored for each document, "
        f"{_percent(found.share)}, found by {found.index}",
        f"           of the ranking of all labels it holds {', '.join(shares)}, on {documents}",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
