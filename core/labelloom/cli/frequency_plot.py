"""Label frequencies by rank on logarithmic axes: as lines of plain characters, and as an SVG picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

import numpy as np

from labelloom.cli.output import visible
from labelloom.data.figures import Overview
from labelloom.data.overview import SCARCE

_ROWS, _COLUMNS = 10, 64


def frequency_lines(told: Overview) -> Iterator[str]:
    """A plot of `_ROWS` lines in ASCII, with its axes; a star where there is a label."""
    counts = _seen(told)
    if not len(counts):
        return
    rank = np.arange(1, len(counts) + 1)
    across = _places(rank, 1, max(len(counts), 2), _COLUMNS)
    top, bottom = max(int(counts[0]), int(counts[-1]) + 1), int(counts[-1])
    up = _places(counts, bottom, top, _ROWS)
    grid = np.full((_ROWS, _COLUMNS), " ")
    grid[up, across] = "*"
    width = len(f"{top:,}")
    yield "documents a label (logarithmic), labels by rank"
    for row in reversed(range(_ROWS)):
        value = f"{top:,}" if row == _ROWS - 1 else f"{bottom:,}" if row == 0 else ""
        yield f"{value:>{width}} |{''.join(grid[row])}".rstrip()
    yield f"{'':>{width}} +{'-' * _COLUMNS}"
    last = f"{len(counts):,}"
    yield f"{'':>{width}}  1{last:>{_COLUMNS - 1}}"


def _places(values: np.ndarray, low: int, high: int, cells: int) -> np.ndarray:
    share = np.log(values / low) / math.log(high / low)
    return np.clip(np.round(share * (cells - 1)).astype(int), 0, cells - 1)


def _seen(told: Overview) -> np.ndarray:
    """Frequencies in train of the labels that occur there, falling."""
    counts = told.frequency[told.by_frequency()]
    return counts[counts > 0]


_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 24, 56, 60
_INK, _FAINT, _LINE = "#222222", "#d9d9d9", "#2166ac"
_POINTS = 2000
"""Points that are drawn; of more labels, those at equal distances on the logarithmic axis."""


def frequency_svg(told: Overview) -> str:
    """The same as an SVG picture, with ticks at the powers of ten."""
    counts = _seen(told)
    rank = np.arange(1, len(counts) + 1)
    if len(counts) > _POINTS:
        kept = np.unique(np.geomspace(1, len(counts), _POINTS).astype(int)) - 1
        counts, rank = counts[kept], rank[kept]
    across = _Axis(max(int(rank.max(initial=1)), 2), _LEFT, _WIDTH - _RIGHT)
    up = _Axis(max(int(counts.max(initial=1)), 2), _HEIGHT - _BOTTOM, _TOP)
    body = [*_frame(told, across, up)]
    points = [f"{across.at(float(x)):.1f},{up.at(float(y)):.1f}" for x, y in zip(rank, counts, strict=True)]
    body.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    if len(points) <= 200:
        body += [f'<circle cx="{x}" cy="{y}" r="3" fill="{_LINE}"/>' for x, y in (point.split(",") for point in points)]
    lines = "\n".join(f"  {line}" for line in body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="{_INK}">\n'
        f"{lines}\n</svg>\n"
    )


class _Axis:
    """A logarithmic axis from 1 to `highest`, between two places on the picture."""

    def __init__(self, highest: int, start: float, end: float) -> None:
        self.highest = highest
        self.start = start
        self.end = end

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * math.log(value) / math.log(self.highest)

    def ticks(self) -> list[int]:
        """Powers of ten, and with few of them 2 and 5 times those."""
        powers = [10**power for power in range(int(math.log10(self.highest)) + 1)]
        steps = (1, 2, 5) if len(powers) <= 2 else (1,)
        return [power * step for power in powers for step in steps if power * step <= self.highest]


def _frame(told: Overview, across: _Axis, up: _Axis) -> Iterator[str]:
    title = f"{told.name}: documents a label in train"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="24" font-size="16" font-weight="bold">{escape(visible(title))}</text>'
    documents, labels = told.splits["train"].documents, len(told.labels)
    never = int((told.frequency == 0).sum())
    below = f"{documents:,} documents, {labels:,} labels" + (f", {never:,} of them without one" if never else "")
    yield f'<text x="{_LEFT}" y="43">{below}</text>'
    for value in across.ticks():
        x = across.at(value)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="{_FAINT}"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{value:,}</text>'
    for value in up.ticks():
        y = up.at(value)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="{_FAINT}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{value:,}</text>'
    yield f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}" fill="none" stroke="{_INK}"/>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle}" y="{_HEIGHT - 16}" text-anchor="middle">label, by rank (logarithmic)</text>'
    half = (_TOP + _HEIGHT - _BOTTOM) / 2
    yield f'<text transform="translate(20 {half}) rotate(-90)" text-anchor="middle">documents (logarithmic)</text>'
    bound, red = SCARCE[-1], "#b2182b"
    if 1 < bound < up.highest:
        y = up.at(bound)
        ends = f'x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"'
        yield f'<line {ends} stroke="{red}" stroke-dasharray="5 4"/>'
        yield f'<text x="{_LEFT + 8}" y="{y - 6:.1f}" fill="{red}">{bound} documents</text>'
