"""Options that say from how many documents of the training split a label belongs to the head or to the middle."""

from __future__ import annotations

from typing import Annotated

import typer

Bounds = tuple[float | int, float | int]
"""From where head, and from where mid: shares of the training documents (float) or numbers of them (int)."""

_FORM = "a number of training documents such as 3000, or a share of them such as 0.05"

Head = Annotated[
    str | None, typer.Option("--head", metavar="N|SHARE", help=f"Head labels have so many or more: {_FORM}.")
]
Mid = Annotated[
    str | None, typer.Option("--mid", metavar="N|SHARE", help="Mid labels have so many or more, in the same form.")
]


def asked_bounds(head: str | None, mid: str | None) -> Bounds:
    """Those asked for, and the defaults of the statistics for the others. Raises BadParameter."""
    from labelloom.data.statistics import HEAD_SHARE, MID_SHARE

    return (
        HEAD_SHARE if head is None else _bound(head, "--head"),
        MID_SHARE if mid is None else _bound(mid, "--mid"),
    )


def check_bounds(bounds: Bounds, documents: int) -> None:
    """Raises BadParameter where, of so many training documents, mid would begin above head."""
    head, mid = (bound / documents if isinstance(bound, int) else bound for bound in bounds)
    if mid > head:
        told = f"of {documents:,} training documents mid labels have {mid:.2%} or more, head labels {head:.2%}"
        raise typer.BadParameter(f"{told}; mid must not begin above head.", param_hint="--head / --mid")


def _bound(text: str, option: str) -> float | int:
    try:
        bound = int(text) if text.isdecimal() else float(text)
    except ValueError:
        bound = -1.0
    if isinstance(bound, float) and not 0 <= bound <= 1:
        raise typer.BadParameter(f"{text!r} is not {_FORM}.", param_hint=option)
    return bound
