"""Matrices between labels as one SVG picture: panels side by side, labels on both axes, a scale with numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from labelloom.cli.output import visible

_INK, _BLANK, _PAPER = "#222222", "#e4e4e4", "#ffffff"
_LOW, _HIGH = (33, 102, 172), (178, 24, 43)
_SIDE = 460.0
"""Of a panel, where its cells then are neither too small for a name beside them nor too large."""
_SMALLEST, _LARGEST = 9.0, 40.0
_LONGEST = 28
"""Signs of a label's name."""
_GAP, _SCALE, _STEPS = 24.0, 14.0, 60
_WRITTEN = 26.0
"""From this size on a cell has its number written in it."""


@dataclass(frozen=True)
class Panel:
    """A matrix (L, L) with its title; the diagonal and what is not finite are left blank.

    rows, columns  what the axes are: "from", "to"
    """

    title: str
    values: np.ndarray
    rows: str = ""
    columns: str = ""


def heat_maps_svg(title: str, subtitle: str, panels: Sequence[Panel], names: Sequence[str]) -> str:
    """The picture. Blue is below zero, red above; each panel has the scale of its own largest value."""
    count = len(names)
    cell = min(_LARGEST, max(_SMALLEST, _SIDE / max(count, 1)))
    font = min(12.0, cell)
    shown = [visible(name) if len(name) <= _LONGEST else f"{visible(name[: _LONGEST - 1])}…" for name in names]
    margin = 30 + font * 0.58 * max(map(len, shown), default=0)  # of names, at the left and at the top
    side = cell * count
    room = max(margin + side, *(7.6 * len(panel.title) for panel in panels))
    width = _GAP + len(panels) * (room + _GAP)
    width = max(width, 2 * _GAP + 9.5 * len(title), 2 * _GAP + 7.4 * len(subtitle))
    top = 84 + margin
    height = top + side + 64
    body = [f'<rect width="{width:.0f}" height="{height:.0f}" fill="{_PAPER}"/>']
    body.append(f'<text x="{_GAP}" y="28" font-size="16" font-weight="bold">{escape(visible(title))}</text>')
    body.append(f'<text x="{_GAP}" y="48">{escape(visible(subtitle))}</text>')
    for place, panel in enumerate(panels):
        left = _GAP + place * (room + _GAP) + margin
        body += _panel(panel, shown, left, top, cell, font, margin)
    lines = "\n".join(f"  {line}" for line in body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="{_INK}">\n'
        f"{lines}\n</svg>\n"
    )


def _panel(
    panel: Panel, names: Sequence[str], left: float, top: float, cell: float, font: float, margin: float
) -> Iterator[str]:
    there = ~np.eye(len(names), dtype=bool) & np.isfinite(panel.values)
    values = np.where(there, panel.values, 0.0)
    largest = float(np.abs(values).max(initial=0.0))
    side = cell * len(names)
    yield f'<text x="{left - margin:.1f}" y="{top - margin - 8:.1f}" font-weight="bold">{escape(panel.title)}</text>'
    yield (
        f'<text x="{left + side / 2:.1f}" y="{top - margin + 10:.1f}" text-anchor="middle" '
        f'font-style="italic">{escape(panel.columns)}</text>'
    )
    yield (
        f'<text transform="translate({left - margin + 12:.1f} {top + side / 2:.1f}) rotate(-90)" '
        f'text-anchor="middle" font-style="italic">{escape(panel.rows)}</text>'
    )
    for place, name in enumerate(names):
        middle = (place + 0.5) * cell
        text = f'font-size="{font:.1f}">{escape(name)}</text>'
        yield f'<text x="{left - 5:.1f}" y="{top + middle + font / 3:.1f}" text-anchor="end" {text}'
        yield f'<text transform="translate({left + middle + font / 3:.1f} {top - 5:.1f}) rotate(-90)" {text}'
    for row in range(len(names)):
        for column in range(len(names)):
            known = bool(there[row, column])
            value = float(values[row, column])
            fill = _colour(value / largest if largest else 0.0) if known else _BLANK
            x, y = left + column * cell, top + row * cell
            told = f"{names[row]} → {names[column]}: {value:.4f}" if known else f"{names[row]} → {names[column]}: none"
            box = f'x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" height="{cell:.1f}" fill="{fill}"'
            yield f"<rect {box}><title>{escape(told)}</title></rect>"
            if known and cell >= _WRITTEN:
                ink = _PAPER if largest and abs(value) > 0.6 * largest else _INK
                at = f'x="{x + cell / 2:.1f}" y="{y + cell / 2 + 3:.1f}" font-size="{cell / 4.6:.1f}"'
                yield f'<text {at} text-anchor="middle" fill="{ink}">{_number(value)}</text>'
    yield from _scale(largest, float(values.min(initial=0.0)) < 0, left, top + side + 16, min(side, 240.0))


def _scale(largest: float, both: bool, left: float, top: float, width: float) -> Iterator[str]:
    """A bar from -largest, or from 0 where nothing is below, to largest."""
    lowest = -1.0 if both else 0.0
    step = width / _STEPS
    for place in range(_STEPS):
        share = lowest + (1 - lowest) * (place + 0.5) / _STEPS
        box = f'x="{left + place * step:.2f}" y="{top:.1f}" width="{step + 0.5:.2f}" height="{_SCALE}"'
        yield f'<rect {box} fill="{_colour(share)}"/>'
    for share in (lowest, (lowest + 1) / 2, 1.0):
        x = left + width * (share - lowest) / (1 - lowest)
        text = f'font-size="11" text-anchor="middle">{_number(share * largest)}</text>'
        yield f'<text x="{x:.1f}" y="{top + _SCALE + 13:.1f}" {text}'


def _colour(share: float) -> str:
    """From blue at -1 over white at 0 to red at 1."""
    end = _HIGH if share > 0 else _LOW
    return "#" + "".join(f"{round(255 + (part - 255) * min(1.0, abs(share))):02x}" for part in end)


def _number(value: float) -> str:
    return f"{value + 0.0:.2g}"  # -0.0 is 0, too
